"""What a production host needs written: settings, secrets, units, certificates, DNS."""
