"""The IPP door: an IPP Printer object for every queue (RFC 8011)."""
