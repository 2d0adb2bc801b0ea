"""What printers are filled with, as Printer attributes."""

from spoold.doors.ipp.supplies import MAX_SUPPLIES, supply_attributes
from spoold.printers.base import Supply


def test_each_supply_has_a_value_and_a_name() -> None:
    supplies = (Supply("Black", 40, False, "toner", "black"), Supply("Waste", None, False, "waste-toner"))
    values, names = supply_attributes(supplies)
    assert (values.name, names.name) == ("printer-supply", "printer-supply-description")
    assert values.values[0].data == (
        b"index=1;class=supplyThatIsConsumed;type=toner;unit=percent;maxcapacity=100;level=40;"
        b"colorantname=black;"
    )
    assert b"maxcapacity=-2;level=-2;" in bytes(str(values.values[1].data), "ascii")
    assert names.strings() == ("Black", "Waste")


def test_there_is_always_one_and_never_too_many() -> None:
    assert len(supply_attributes(())[0].values) == len(supply_attributes(())[1].values) == 1
    many = [Supply(f"Ink {number}", 1, True) for number in range(MAX_SUPPLIES + 1)]
    assert [len(attribute.values) for attribute in supply_attributes(many)] == [MAX_SUPPLIES] * 2
