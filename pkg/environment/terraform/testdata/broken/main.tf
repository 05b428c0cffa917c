resource "terraform_data" "step" {
  provisioner "local-exec" {
    command = "echo the database is full; exit 7"
  }
}
