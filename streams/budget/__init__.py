"""The budget of false alarms as an operator sees it: what is declared, how it is spent, what it would notice."""
