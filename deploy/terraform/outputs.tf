output "key_arn" {
  description = "For KmsSigner.open and s2n-pkey signer --key."
  value       = aws_kms_key.site.arn
}

output "role_arn" {
  description = "For serviceAccount.roleArn of the Helm chart, or taskRoleArn of the ECS task."
  value       = aws_iam_role.signer.arn
}
