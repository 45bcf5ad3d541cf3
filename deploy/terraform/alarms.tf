# More signatures than the servers need: somebody else has the permission, or clients flood.
resource "aws_cloudwatch_metric_alarm" "signatures" {
  alarm_name          = "${var.alias}-signatures"
  alarm_description   = "KMS signs more than the servers of ${var.alias} need"
  namespace           = "AWS/Usage"
  metric_name         = "CallCount"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.signatures_per_second * 60
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  dimensions = {
    Type     = "API"
    Service  = "KMS"
    Resource = startswith(var.key_spec, "RSA") ? "CryptographicOperationsRsa" : "CryptographicOperationsEcc"
    Class    = "None"
  }
}

# Somebody is about to stop the site, or to let others sign.
resource "aws_cloudwatch_event_rule" "key" {
  name = "${var.alias}-key"
  event_pattern = jsonencode({
    source      = ["aws.kms"]
    detail-type = ["AWS API Call via CloudTrail"]
    detail = {
      eventSource = ["kms.amazonaws.com"]
      eventName   = ["DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "CreateGrant", "UpdateAlias", "DeleteAlias"]
      resources   = { ARN = [aws_kms_key.site.arn] }
    }
  })
}

resource "aws_cloudwatch_event_target" "key" {
  for_each = toset(var.alarm_topics)
  rule     = aws_cloudwatch_event_rule.key.name
  arn      = each.value
}
