FROM scratch
COPY a /a
RUN ["/bin/false"]
