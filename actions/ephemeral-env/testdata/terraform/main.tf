# An environment of one file: what it says, and that it goes, is seen on the disk.
variable "url" { type = string }
variable "release" { type = string }
variable "then" {
  type    = string
  default = "true"
}

resource "terraform_data" "app" {
  input = "env-${terraform.workspace}"

  provisioner "local-exec" {
    command = "echo made > ${self.input}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "rm ${self.input}"
  }
}

resource "terraform_data" "release" {
  input            = var.release
  triggers_replace = [terraform_data.app.id, var.release]

  provisioner "local-exec" {
    command = var.then
  }
}

output "url" { value = var.url }
output "release" { value = terraform_data.release.output }
output "inventory" { value = "[web]\n${terraform.workspace}.example.com\n" }
output "secret" {
  value     = "hunter22"
  sensitive = true
}
