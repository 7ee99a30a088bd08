"""What people see: the terminal, tables, progress bars and figures in words."""
