"""What a night leaves for people: a workbook, one page that needs nothing else, and every difference as a CSV.

`words` has what they say, `charts` draws, `workbook`, `page` and `table` write, `files` names and writes them all.
"""
