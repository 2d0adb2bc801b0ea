"""The configuration file: TOML to a frozen typed model, with every mistake reported at its place."""
