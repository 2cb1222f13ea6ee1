"""What the fuzzers once found stays found: the corpus and some changes of it, without atheris."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.feeds.vocabulary import breeds
from tests.fuzz.examples import examples
from tests.fuzz.mutation import changed
from tests.fuzz.targets import CORPUS, NAMES, kept, target

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_breeds():
    breeds.forget()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_everything_kept_and_every_seed_ends_as_documented(name):
    one = target(name).one
    inputs = kept(name)
    assert inputs
    for entry, data in inputs.items():
        try:
            one(data)
        except Exception as error:
            error.add_note(f"{name}: {entry}")
            raise
    for data in target(name).seeds():
        one(data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_changes_of_what_is_kept_end_as_documented(name):
    module = target(name)
    inputs = [*kept(name).values(), *module.seeds()]

    @examples(60)
    @given(st.integers(0, len(inputs) - 1), st.integers(0, 2**32))
    def check(number, seed):
        random = Random(seed)
        data = inputs[number]
        for _ in range(random.choice((1, 2, 4))):
            data = module.mutated(data, random, lambda told: changed(told, random))
        module.one(data)

    check()


def test_the_corpus_is_small():
    files = list(CORPUS.iterdir())
    assert {file.name for file in files} == {f"{name}.zip" for name in NAMES}
    assert sum(file.stat().st_size for file in files) <= 600_000
    assert sum(len(kept(name)) for name in NAMES) <= 400
