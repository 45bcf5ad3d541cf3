resource "aws_kms_key" "site" {
  description              = "Private key of a TLS certificate (s2n-pkey)"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = var.key_spec
  deletion_window_in_days  = 30
  policy                   = data.aws_iam_policy_document.key.json

  lifecycle {
    # A site without its key is a site without a certificate.
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "site" {
  name          = "alias/${var.alias}"
  target_key_id = aws_kms_key.site.key_id
}

data "aws_iam_policy_document" "key" {
  statement {
    sid = "Administer"
    actions = [
      "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey",
      "kms:GetKeyPolicy", "kms:GetPublicKey", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy",
      "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
      "kms:GetKeyRotationStatus",
    ]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = var.administrators
    }
  }

  statement {
    sid       = "ReadThePublicKey"
    actions   = ["kms:GetPublicKey"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.signer.arn]
    }
  }

  statement {
    sid       = "Sign"
    actions   = ["kms:Sign"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.signer.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "kms:MessageType"
      values   = ["DIGEST"]
    }
    dynamic "condition" {
      for_each = var.vpc_endpoint_id == null ? [] : [var.vpc_endpoint_id]
      content {
        test     = "StringEquals"
        variable = "aws:SourceVpce"
        values   = [condition.value]
      }
    }
  }
}

# It needs no policy of its own: that of the key names it.
resource "aws_iam_role" "signer" {
  name               = "${var.alias}-signer"
  assume_role_policy = var.assume_role_policy
}
