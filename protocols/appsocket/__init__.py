"""What travels on a printer's raw socket (port 9100), and inside LPR and octet-stream documents."""
