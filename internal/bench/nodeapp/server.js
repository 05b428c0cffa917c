require("express")().get("/", (_, res) => res.send("shop")).listen(8080);
