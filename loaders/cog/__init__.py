"""The Code officiel géographique and what belongs to it: lists, movements, postal codes. Reads files, knows no store."""
