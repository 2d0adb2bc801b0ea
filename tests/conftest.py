"""What holds for every test: properties are tried on the same examples, however busy the machine is."""

from hypothesis import HealthCheck, settings

# A deadline, or a bound on how fast examples are made, measures the machine; examples that differ from run to
# run find what they find in somebody else's run. New ones are the business of `make fuzz`.
settings.register_profile(
    "the same everywhere",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("the same everywhere")
