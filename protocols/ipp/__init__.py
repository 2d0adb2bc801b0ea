"""The Internet Printing Protocol: RFC 8010 encoding and RFC 8011 words."""
