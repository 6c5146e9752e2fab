"""What a benchmark comes to: the ratio is better when it is higher, for rates and for times."""

from accelerator.benches import results


def test_a_rate_is_measured_by_its_reference() -> None:
    result = results.rate("sending", "messages/s", [90.0, 300.0, 100.0], [200.0, 50.0, 210.0], senders=2)
    document = result.document()
    assert document == {
        "bench": "sending",
        "value": 100.0,
        "unit": "messages/s",
        "reference": 200.0,
        "ratio": 0.5,
        "values": [90.0, 300.0, 100.0],
        "references": [200.0, 50.0, 210.0],
        "senders": 2,
    }


def test_a_time_is_measured_by_what_is_allowed() -> None:
    assert results.duration("launch", 1.5, 3.0).ratio == 2.0
    assert results.duration("launch", 6.0, 3.0).ratio == 0.5


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(20, 0, -1)]
    assert results.percentile(values, 95) == 19.0
    assert results.percentile(values, 50) == 10.0
    assert results.percentile([7.0], 95) == 7.0


def test_figures_have_four_digits() -> None:
    assert results.rounded(0.123456) == 0.1235
    assert results.rounded(5316.7) == 5317.0
