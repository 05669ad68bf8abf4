"""Files of a production host: settings, secrets, units, certificates, DNS records."""
