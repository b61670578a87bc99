"""The whole corpus of files: every case that `check` and the runner are given."""

from hostile import archive_cases, pdf_cases, value_cases, xml_cases
from hostile.case import Case

FILES: tuple[Case, ...] = (*archive_cases.CASES, *xml_cases.CASES, *pdf_cases.CASES, *value_cases.CASES)
