FROM scratch
COPI a /a
