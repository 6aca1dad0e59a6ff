"""What citizens do with their own: each call shows the database a key (the SHA-256 of a secret), and the database decides."""
