"""The race: what the full official rules cost here, and in the engines that others would take.

`python -m bench.race` keeps these rules, each one by code:

1. A contender is one long-lived process on one core, always the same core; only one of them has work at a time.
2. Passes go over the same documents in the same order, a whole pass per contender, contenders shuffled in each pass:
   never one document by each in turn, which would empty the caches of all (`passes`).
3. Nine passes or more, after the warming; a JVM is warmed by 2,500 documents or more. A ratio is the median of the
   ratios of the passes, beside the smallest and the largest.
4. Equal scope: same schema, same rules, same documents, same output, the set of (rule, flag, location). The sets are
   compared document by document; one difference and the run fails. Another scope stands in a table of its own.
5. A document that one of the engines cannot take is left out for all, and counted.
6. Versions, digests of the rules and of the documents, cores and load stand beside the figures, and so does the floor:
   parse and schema alone. A load above the count of cores marks the run.

Time is processor time of the contender, all its threads, as the kernel counts it: what that one core spends, whatever
else the machine does. The wall clock of the same passes stands beside it.
"""
