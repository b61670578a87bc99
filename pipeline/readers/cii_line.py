"""The lines of a CII document."""

from collections.abc import Iterator

from pipeline.model import Line
from pipeline.readers.walk import Group
from pipeline.values import XML_BLANKS, Amount, Text

# Level EXTENDED tells sub-lines apart by a status; a group and its details must not be added up twice (BR-FXEXT-CO-10).
_LINE_TYPES = {"DETAIL": "DETAIL", "GROUP": "REGROUPEMENT", "INFORMATION": "INFORMATION"}
_ALLOWANCE = ("BT-136", "BT-137", "BT-138", "BT-139", "BT-140")
_CHARGE = ("BT-141", "BT-142", "BT-143", "BT-144", "BT-145")


def read_lines(trade: Group, *, gross_is_price: bool) -> Iterator[Line]:
    for line in trade.groups("ram:IncludedSupplyChainTradeLineItem"):
        yield _read_line(line, gross_is_price=gross_is_price)


def is_charge(group: Group) -> bool:
    """A charge says `true`; anything else is an allowance."""
    indicator = group.child("ram:ChargeIndicator")
    said = None if indicator is None else next(iter(indicator), None)
    return said is not None and (said.text or "").strip(XML_BLANKS) in {"true", "1"}


def _read_line(line: Group, *, gross_is_price: bool) -> Line:
    document = line.group("ram:AssociatedDocumentLineDocument")
    product = line.group("ram:SpecifiedTradeProduct")
    agreement = line.group("ram:SpecifiedLineTradeAgreement")
    delivery = line.group("ram:SpecifiedLineTradeDelivery")
    settlement = line.group("ram:SpecifiedLineTradeSettlement")
    gross = agreement.group("ram:GrossPriceProductTradePrice")
    net = agreement.group("ram:NetPriceProductTradePrice")
    discounts = gross.groups("ram:AppliedTradeAllowanceCharge")
    tax = settlement.group("ram:ApplicableTradeTax")
    event = delivery.group("ram:ActualDeliverySupplyChainEvent")
    period = settlement.group("ram:BillingSpecifiedPeriod")
    period.cii_day("ram:StartDateTime", "BT-134")
    period.cii_day("ram:EndDateTime", "BT-135")
    product.identifier("ram:SellerAssignedID", "BT-155")
    product.identifier("ram:GlobalID", "BT-157")
    gross_price = gross.amount("ram:ChargeAmount", "BT-146" if gross_is_price else "BT-148")
    net_price = net.amount("ram:ChargeAmount", "price including VAT" if gross_is_price else "BT-146")
    allowances, charges, others = _allowances(settlement)
    return Line(
        path=line.path,
        source_line=line.line,
        id=document.identifier("ram:LineID", "BT-126"),
        type=_line_type(document),
        quantity=delivery.number("ram:BilledQuantity", "BT-129"),
        total=settlement.group("ram:SpecifiedTradeSettlementLineMonetarySummation").amount(
            "ram:LineTotalAmount", "BT-131"
        ),
        allowances=allowances,
        charges=charges,
        other_amounts=others,
        price=gross_price if gross_is_price else net_price,
        price_discount=discounts[0].amount("ram:ActualAmount", "BT-147") if discounts else None,
        has_price_allowance=bool(discounts),
        gross_price=None if gross_is_price else gross_price,
        base_quantity=net.number("ram:BasisQuantity", "BT-149"),
        price_ttc=net_price if gross_is_price else None,
        vat_rate=tax.number("ram:RateApplicablePercent", "BT-152"),
        vat_category=tax.identifier("ram:CategoryCode", "BT-151"),
        name=product.text("ram:Name", "BT-153"),
        description=product.text("ram:Description", "BT-154"),
        site=delivery.group("ram:ShipToTradeParty").identifier("ram:GlobalID", "line delivery site"),
        delivered=event.cii_day("ram:OccurrenceDateTime", "line delivery date"),
    )


def _line_type(document: Group) -> Text | None:
    status = document.identifier("ram:LineStatusReasonCode", "TYPE_LIGNE")
    said = None if status is None else _LINE_TYPES.get(status.text)
    return status._replace(text=said) if status is not None and said is not None else None


def _allowances(settlement: Group) -> tuple[tuple[Amount, ...], tuple[Amount, ...], tuple[Amount, ...]]:
    """Allowances (BG-27), charges (BG-28), and their bases and percentages."""
    given = settlement.groups("ram:SpecifiedTradeAllowanceCharge")
    if not given:
        return (), (), ()
    allowances: list[Amount] = []
    charges: list[Amount] = []
    others: list[Amount] = []
    for one in given:
        into, bts = (charges, _CHARGE) if is_charge(one) else (allowances, _ALLOWANCE)
        amount = one.amount("ram:ActualAmount", bts[0])
        base = one.amount("ram:BasisAmount", bts[1])
        rate = one.number("ram:CalculationPercent", bts[2])
        one.text("ram:Reason", bts[3])
        one.identifier("ram:ReasonCode", bts[4])
        into += [] if amount is None else [amount]
        others += [value for value in (base, rate) if value is not None]
    return tuple(allowances), tuple(charges), tuple(others)
