"""Document -> `Invoice`: one module per syntax (`ubl`, `cii`, `mixed`), the only code that knows a syntax's paths.

A reader judges nothing and never raises for what a document holds: what is missing is None, what is no number or no
day keeps its text with no value. Which home of a datum wins is spec 03-mapping section 3; `walk` gives the places.

Beside them, what opens bytes before a syntax is known: `safe_xml` (the hardened parse), `archive` (the envelope).
"""
