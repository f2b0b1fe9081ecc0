"""TCP."""
class Connection:
    pass
