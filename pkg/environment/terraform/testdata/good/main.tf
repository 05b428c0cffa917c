variable "version_label" {
  type    = string
  default = "none"
}

resource "terraform_data" "app" {
  input = "${terraform.workspace} ${var.version_label}"
}

output "url" {
  value = "http://${terraform.workspace}.example.com"
}

output "label" {
  value = terraform_data.app.output
}

output "inventory" {
  value = "[web]\n${terraform.workspace}.example.com\n"
}

output "password" {
  value     = "hunter2"
  sensitive = true
}
