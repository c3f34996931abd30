"""A record opens in the one place for which it was sealed, and nowhere else."""

from dataclasses import replace

import pytest

from auth_service.adapters.connection_store.sealing import Place, RecordTampered, StoreKey
from auth_service.domain.connections import Owner

KEY = StoreKey.of(bytes(range(32)))
PLACE = Place("connections", "c-1", Owner("https://idp.example", "alice"))


def test_a_record_opens_where_it_belongs_and_two_are_never_alike() -> None:
    sealed = KEY.seal(PLACE, b"secret")
    assert KEY.open(PLACE, sealed) == b"secret"
    assert KEY.seal(PLACE, b"secret") != sealed
    assert b"secret" not in sealed


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, table="sessions"),
        replace(PLACE, row_id="c-2"),
        replace(PLACE, owner=Owner("https://idp.example", "bob")),
        replace(PLACE, owner=Owner("https://other.example", "alice")),
        replace(PLACE, row_id="c-1https://idp.example", owner=Owner("", "alice")),
        replace(PLACE, owner=Owner("https://idp.examplealice", "")),
    ],
)
def test_a_record_does_not_open_anywhere_else(place: Place) -> None:
    with pytest.raises(RecordTampered):
        KEY.open(place, KEY.seal(PLACE, b"secret"))


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27, 33])
def test_a_shortened_record_does_not_open(length: int) -> None:
    sealed = KEY.seal(PLACE, b"secret")
    assert len(sealed) == 34
    with pytest.raises(RecordTampered):
        KEY.open(PLACE, sealed[:length])


def test_every_altered_bit_is_noticed() -> None:
    sealed = KEY.seal(PLACE, b"secret")
    for position in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(RecordTampered):
            KEY.open(PLACE, bytes(altered))


def test_another_key_opens_nothing_and_the_name_tells_nothing() -> None:
    other = StoreKey.of(bytes(32))
    with pytest.raises(RecordTampered):
        other.open(PLACE, KEY.seal(PLACE, b"secret"))
    assert other.key_id != KEY.key_id
    assert bytes(range(32)).hex()[:8] not in repr(KEY)
