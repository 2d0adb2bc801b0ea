"""SQL: engine, migrations, and one module per table family. Nothing above this floor writes SQL."""
