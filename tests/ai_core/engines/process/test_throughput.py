import pytest

from ai_core.engines.process.throughput import HALF_LIFE_S, ThroughputMeter


def test_throughput_is_tokens_by_seconds_of_work() -> None:
    meter = ThroughputMeter()
    meter.add_prefill(300, 2.0)
    meter.add_prefill(100, 0.0)
    meter.add_decode(50, 1.0)
    assert meter.throughput.prefill == pytest.approx(200)
    assert meter.throughput.decode == pytest.approx(50)


def test_without_measurements_throughput_is_zero() -> None:
    meter = ThroughputMeter()
    meter.add_prefill(300, 0.0)
    assert (meter.throughput.prefill, meter.throughput.decode) == (0, 0)


def test_older_measurements_count_less() -> None:
    meter = ThroughputMeter()
    for _ in range(100):
        meter.add_decode(100, 1.0)
    for _ in range(round(2 * HALF_LIFE_S)):
        meter.add_decode(10, 1.0)
    assert 10 < meter.throughput.decode < 40
