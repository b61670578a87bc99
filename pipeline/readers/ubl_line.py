"""The lines of a UBL document: InvoiceLine, or CreditNoteLine with its own quantity."""

from collections.abc import Iterator

from pipeline.model import Line
from pipeline.readers.walk import Group
from pipeline.values import XML_BLANKS, Amount, Text

_LINE_TYPE = "TYPE_LIGNE"


def read_lines(root: Group) -> Iterator[Line]:
    for step in ("cac:InvoiceLine", "cac:CreditNoteLine"):
        for line in root.groups(step):
            yield _read_line(line)


def is_charge(group: Group) -> bool:
    """A charge says `true`; anything else is an allowance."""
    indicator = group.child("cbc:ChargeIndicator")
    return indicator is not None and (indicator.text or "").strip(XML_BLANKS) in {"true", "1"}


def _read_line(line: Group) -> Line:
    item = line.group("cac:Item")
    tax = item.group("cac:ClassifiedTaxCategory")
    price = line.group("cac:Price")
    discounts = price.groups("cac:AllowanceCharge")
    discount = next((one for one in discounts if not is_charge(one)), None)
    delivery = line.group("cac:Delivery")
    period = line.group("cac:InvoicePeriod")
    period.iso_day("cbc:StartDate", "BT-134")
    period.iso_day("cbc:EndDate", "BT-135")
    delivery.text("cbc:TrackingID", "delivery note")
    item.group("cac:SellersItemIdentification").identifier("cbc:ID", "BT-155")
    item.group("cac:StandardItemIdentification").identifier("cbc:ID", "BT-157")
    allowances, charges, others = _allowances(line)
    return Line(
        path=line.path,
        source_line=line.line,
        id=line.identifier("cbc:ID", "BT-126"),
        type=_line_type(item),
        quantity=line.number("cbc:InvoicedQuantity", "BT-129") or line.number("cbc:CreditedQuantity", "BT-129"),
        total=line.amount("cbc:LineExtensionAmount", "BT-131"),
        allowances=allowances,
        charges=charges,
        other_amounts=others,
        price=price.amount("cbc:PriceAmount", "BT-146"),
        price_discount=None if discount is None else discount.amount("cbc:Amount", "BT-147"),
        has_price_allowance=discount is not None,
        gross_price=None if discount is None else discount.amount("cbc:BaseAmount", "BT-148"),
        base_quantity=price.number("cbc:BaseQuantity", "BT-149"),
        vat_rate=tax.number("cbc:Percent", "BT-152"),
        vat_category=tax.identifier("cbc:ID", "BT-151"),
        name=item.text("cbc:Name", "BT-153"),
        description=item.text("cbc:Description", "BT-154"),
        site=delivery.identifier("cbc:ID", "line delivery site"),
        delivered=delivery.iso_day("cbc:ActualDeliveryDate", "line delivery date"),
    )


def _line_type(item: Group) -> Text | None:
    for prop in item.groups("cac:AdditionalItemProperty"):
        name = prop.child("cbc:Name")
        if name is not None and (name.text or "").strip(XML_BLANKS) == _LINE_TYPE:
            return prop.text("cbc:Value", "TYPE_LIGNE")
    return None


def _allowances(line: Group) -> tuple[tuple[Amount, ...], tuple[Amount, ...], tuple[Amount, ...]]:
    """Allowances (BG-27), charges (BG-28), and their bases and percentages."""
    given = line.groups("cac:AllowanceCharge")
    if not given:
        return (), (), ()
    allowances: list[Amount] = []
    charges: list[Amount] = []
    others: list[Amount] = []
    for one in given:
        charge = is_charge(one)
        into, bts = (charges, _CHARGE) if charge else (allowances, _ALLOWANCE)
        amount = one.amount("cbc:Amount", bts[0])
        base = one.amount("cbc:BaseAmount", bts[1])
        rate = one.number("cbc:MultiplierFactorNumeric", bts[2])
        one.text("cbc:AllowanceChargeReason", bts[3])
        one.identifier("cbc:AllowanceChargeReasonCode", bts[4])
        into += [] if amount is None else [amount]
        others += [value for value in (base, rate) if value is not None]
    return tuple(allowances), tuple(charges), tuple(others)


_ALLOWANCE = ("BT-136", "BT-137", "BT-138", "BT-139", "BT-140")
_CHARGE = ("BT-141", "BT-142", "BT-143", "BT-144", "BT-145")
