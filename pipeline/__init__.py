"""chorus-edi: judges, routes and answers the EDI flows that suppliers drop for French public bodies.

Start reading in `judge.py`: the way of one flow, on one screen.
"""
