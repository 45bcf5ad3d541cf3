variable "alias" {
  description = "Name of the key's alias, without alias/."
  type        = string
  default     = "site"
}

variable "key_spec" {
  description = "Kind of the key. ECC_NIST_P256 is the fastest and the cheapest that every client takes."
  type        = string
  default     = "ECC_NIST_P256"
  validation {
    condition     = contains(["ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048", "RSA_3072", "RSA_4096"], var.key_spec)
    error_message = "Expected ECC_NIST_P256, ECC_NIST_P384, RSA_2048, RSA_3072 or RSA_4096."
  }
}

variable "administrators" {
  description = "ARNs of the roles that may administer the key. They cannot sign with it."
  type        = list(string)
}

variable "assume_role_policy" {
  description = "JSON: who may take the signer's role (the trust policy of IRSA, Pod Identity, ECS or EC2)."
  type        = string
}

variable "vpc_endpoint_id" {
  description = "The VPC endpoint of KMS. Where it is given, signatures are only made for requests through it."
  type        = string
  default     = null
}

variable "alarm_topics" {
  description = "ARNs of the SNS topics that are told of alarms."
  type        = list(string)
  default     = []
}

variable "signatures_per_second" {
  description = "What all servers together need at peak. More than this for five minutes is an alarm."
  type        = number
  default     = 200
}
