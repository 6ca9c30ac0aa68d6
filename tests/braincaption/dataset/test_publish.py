"""Publishing to a Hub on the loopback: gates, interruptions, faults of the network, and what arrives in the end."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from braincaption.dataset.build import build_dataset
from braincaption.dataset.settings import DatasetSettings
from braincaption.errors import BrainError, UsageError
from braincaption.publish.gate import clear
from braincaption.publish.licences import compatible, groups
from braincaption.publish.patience import Patience
from braincaption.publish.settings import PublishSettings
from braincaption.publish.upload import Publisher, signed

huggingface_hub = pytest.importorskip("huggingface_hub")
# huggingface_hub 2.4 passes `data=` to httpx2, which would rather have `content=`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
REPO = "me/slices"
BRAIN = str(Path(sys.executable).with_name("brain"))


@pytest.fixture
def hub(load: Callable[[str], Any]) -> Iterator[Any]:
    """A Hub that keeps everything in memory."""
    state = load("hub").Hub()
    server = state.serve()
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub's own waiting between attempts, without the wait."""
    pytest.importorskip("huggingface_hub.utils").disable_progress_bars()
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.fixture(scope="session")
def text_set(captioned: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of many small shards."""
    out = tmp_path_factory.mktemp("publish") / "dest"
    build_dataset(captioned.path, out, DatasetSettings(configs=("text",)))
    whole = pa.concat_tables([pq.read_table(path) for path in sorted((out / "text").glob("train-*.parquet"))])
    for path in (out / "text").glob("train-*.parquet"):
        path.unlink()
    for number in range(25):
        pq.write_table(whole.slice(number * 10, 10), out / "text" / f"train-{number:05d}-of-00025.parquet")
    return out


def publisher(hub: Any, folder: Path, settings: PublishSettings | None = None, attempts: int = 4) -> Publisher:
    """A publisher to the loopback that does not wait."""
    return Publisher(
        api=huggingface_hub.HfApi(endpoint=hub.url, token="hf_test"),
        folder=folder,
        repo_id=REPO,
        settings=settings or PublishSettings(),
        patience=Patience(attempts=attempts, sleep=lambda seconds: None),
    )


def arrived(hub: Any, folder: Path) -> None:
    """Assert that the repository holds the folder's shards, and each was uploaded once."""
    files = hub.repos[REPO].files
    shards = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.parquet"))
    assert sorted(path for path in files if path.endswith(".parquet")) == shards
    for path in shards:
        assert files[path] == (folder / path).read_bytes()
    assert set(hub.uploads.values()) == {1}
    assert {"README.md", "croissant.json", "CITATION.cff", "dataset.json"} <= set(files)


def test_a_dataset_arrives_private_in_parts_and_card_last(hub: Any, text_set: Path) -> None:
    publish = publisher(hub, text_set)
    sent = publish.publish(clear(text_set, publish.settings))
    arrived(hub, text_set)
    repo = hub.repos[REPO]
    assert repo.private
    assert len(repo.commits) == 4 and repo.commits[-1] == "Add card and metadata"
    assert len(sent) == len(repo.files)
    assert f'load_dataset("{REPO}", "text"' in repo.files["README.md"].decode()
    assert publish.publish(clear(text_set, publish.settings)) == []
    assert len(repo.commits) == 4


def test_shards_of_an_earlier_version_go(hub: Any, text_set: Path) -> None:
    publish = publisher(hub, text_set)
    publish.publish(clear(text_set, publish.settings))
    hub.repos[REPO].files["text/old-00000-of-00001.parquet"] = b"old"
    hub.repos[REPO].files["notes.txt"] = b"the owner's own"
    publish.publish(clear(text_set, publish.settings))
    arrived(hub, text_set)
    assert "notes.txt" in hub.repos[REPO].files


def test_interrupted_three_times_each_shard_is_uploaded_once(hub: Any, text_set: Path) -> None:
    done = [0]

    def stop() -> None:
        done[0] += 1
        if done[0] in (4, 11, 19):
            hub.fault = lambda method, path: 0 if method in ("PUT", "POST") else None

    hub.after_upload = stop
    for _ in range(3):
        publish = publisher(hub, text_set, attempts=1)
        with pytest.raises(BrainError, match="run the same command again"):
            publish.publish(clear(text_set, publish.settings))
        hub.fault = lambda method, path: None
    publish = publisher(hub, text_set)
    publish.publish(clear(text_set, publish.settings))
    arrived(hub, text_set)


@pytest.mark.parametrize(("status", "chunk"), [(0, 0), (429, 0), (500, 0), (0, 8000), (503, 8000)])
def test_cut_connections_and_busy_servers_are_outlasted(hub: Any, text_set: Path, status: int, chunk: int) -> None:
    met: dict[str, int] = {}
    hub.chunk_bytes = chunk

    def fault(method: str, path: str) -> int | None:
        # Every seventh request, and the first upload of every shard, meets the fault.
        first = method == "PUT" and met.setdefault(path, 0) == 0
        met[path] = met.get(path, 0) + 1
        return status if first or len(hub.requests) % 7 == 0 else None

    hub.fault = fault
    publish = publisher(hub, text_set)
    publish.publish(clear(text_set, publish.settings))
    arrived(hub, text_set)
    assert sum(count > 1 for path, count in met.items() if "/lfs/" in path) >= 25


def test_a_refusal_is_not_tried_again(hub: Any, text_set: Path) -> None:
    hub.fault = lambda method, path: 403 if "create" in path else None
    publish = publisher(hub, text_set)
    with pytest.raises(BrainError, match=r"refused to make the repository: 403.*hf auth login"):
        publish.publish(clear(text_set, publish.settings))
    assert sum("create" in request for request in hub.requests) == 1


def test_offline_mode_is_said_at_once(hub: Any, text_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    publish = publisher(hub, text_set)
    with pytest.raises(BrainError, match=r"refused to make the repository: .*HF_HUB_OFFLINE"):
        publish.publish(clear(text_set, publish.settings))


def test_public_only_when_asked_and_only_when_complete(hub: Any, text_set: Path) -> None:
    publish = publisher(hub, text_set, PublishSettings(public=True))
    seen = []
    hub.after_upload = lambda: seen.append(hub.repos[REPO].private)
    publish.publish(clear(text_set, publish.settings))
    assert not hub.repos[REPO].private and all(seen)
    with pytest.raises(UsageError, match="is public: say --public"):
        publisher(hub, text_set).publish(clear(text_set, PublishSettings()))


def changed(folder: Path, copy: Path, **facts: Any) -> Path:
    """A copy of a dataset whose cohort `new` is otherwise."""
    copy.mkdir()
    for path in folder.rglob("*"):
        if path.is_file():
            target = copy / path.relative_to(folder)
            target.parent.mkdir(exist_ok=True)
            os.link(path, target)
    manifest = json.loads((copy / "dataset.json").read_text(encoding="utf-8"))
    manifest["cohorts"]["new"].update(facts)
    (copy / "dataset.json").unlink()
    (copy / "dataset.json").write_text(json.dumps(manifest), encoding="utf-8")
    return copy


@pytest.mark.parametrize("value", ["no", "ask", "unknown"])
def test_redistribution_needs_a_yes_or_a_quoted_permission(
    hub: Any, text_set: Path, tmp_path: Path, value: str
) -> None:
    folder = changed(text_set, tmp_path / "d", redistribution=value)
    with pytest.raises(UsageError, match=rf"redistribution of new \({value}\).*--permission"):
        clear(folder, PublishSettings(permission="  "))
    settings = PublishSettings(permission="Yes, do.\n<b>The owners</b>")
    publisher(hub, folder, settings).publish(clear(folder, settings))
    card = hub.repos[REPO].files["README.md"].decode()
    assert "> Yes, do.\n> &lt;b&gt;The owners&lt;/b&gt;" in card


def test_labels_count_as_redistributed_too(text_set: Path, tmp_path: Path) -> None:
    folder = changed(text_set, tmp_path / "d", redistribution="ask", roles=["labels"])
    with pytest.raises(UsageError, match="redistribution of new"):
        clear(folder, PublishSettings())
    clear(changed(text_set, tmp_path / "e", redistribution="ask", roles=["spaces"]), PublishSettings())


def test_whole_heads_are_refused_where_there_are_pictures(captioned: Any, text_set: Path, tmp_path: Path) -> None:
    clear(changed(text_set, tmp_path / "text", stripped=False), PublishSettings())
    build_dataset(captioned.path, tmp_path / "dest", DatasetSettings(configs=("volumes",)))
    folder = changed(tmp_path / "dest", tmp_path / "volumes", stripped=False)
    with pytest.raises(UsageError, match=r"images of new .*may show faces.*--allow-unstripped"):
        clear(folder, PublishSettings(permission="all of it"))
    assert clear(folder, PublishSettings(allow_unstripped=True)).shards


def test_incompatible_licences_are_published_apart(text_set: Path, tmp_path: Path) -> None:
    atlas = changed(text_set, tmp_path / "a", licence="CC BY-SA 3.0")
    manifest = json.loads((atlas / "dataset.json").read_text(encoding="utf-8"))
    manifest["cohorts"]["atlas"]["licence"] = "CC BY-NC-SA 3.0"
    (atlas / "dataset.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(UsageError, match=r"CC BY-NC-SA 3.0 and CC BY-SA 3.0 may not be published together.*--licence"):
        clear(atlas, PublishSettings(permission="even so"))
    manifest["cohorts"]["atlas"]["roles"] = ["labels"]
    (atlas / "dataset.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(UsageError, match=r"CC BY-NC-SA 3.0 labels of atlas.*--permission"):
        clear(atlas, PublishSettings())


def test_which_licences_go_together() -> None:
    assert compatible("CC BY 4.0", "CC BY-NC-SA 3.0") and compatible("CC0", "CC-BY-SA-4.0")
    assert compatible("CC BY-SA 3.0", "CC-BY-SA-4.0") and compatible("CC-BY-NC-4.0", "CC BY-NC-SA 3.0")
    assert not compatible("CC BY-SA 3.0", "CC BY-NC-SA 3.0")
    assert not compatible("OASIS terms", "CC BY-SA 3.0") and not compatible("unknown", "OASIS terms")
    assert not compatible("CC BY-ND 4.0", "CC BY-SA 4.0")
    assert groups(["CC0", "CC BY-SA 3.0", "unknown"]) == [["CC BY-SA 3.0", "CC0"], ["unknown"]]


def test_an_age_above_ninety_stops_everything(text_set: Path, tmp_path: Path) -> None:
    folder = changed(text_set, tmp_path / "d")
    shard = next((folder / "text").glob("test-*.parquet"))
    table = pq.read_table(shard)
    shard.unlink()
    ages = pa.array([91.0] * table.num_rows, pa.float32())
    pq.write_table(table.set_column(table.schema.get_field_index("age"), table.schema.field("age"), ages), shard)
    with pytest.raises(UsageError, match="age above 90"):
        clear(folder, PublishSettings())


def test_only_a_dataset_of_ours_is_published_and_nothing_beside_it(hub: Any, text_set: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="brain caption dataset"):
        clear(tmp_path, PublishSettings())
    folder = changed(text_set, tmp_path / "d")
    (folder / "pseudonyms.salt").write_text("secret", encoding="ascii")
    (folder / "text" / "notes.txt").write_text("sub-01 is Ann", encoding="ascii")
    publisher(hub, folder).publish(clear(folder, PublishSettings()))
    assert not any("salt" in path or "notes" in path for path in hub.repos[REPO].files)


def test_the_card_without_permission_has_no_mark_left() -> None:
    assert signed("a\n<!-- permission -->\nREPO_OR_FOLDER", None, "me/x") == "a\n\nme/x"


def test_the_command_publishes_and_streams_back(hub: Any, text_set: Path, tmp_path: Path) -> None:
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_test", "HF_HUB_DISABLE_XET": "1"}
    environment |= {"HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        environment.pop(name, None)
    command = [BRAIN, "caption", "publish", str(text_set), REPO]
    dry = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, env=environment, timeout=120)
    assert dry.returncode == 0 and "would be sent" in dry.stderr and not hub.requests
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    arrived(hub, text_set)
    script = (
        "from datasets import load_dataset\n"
        f"rows = load_dataset({REPO!r}, 'text', split='test', streaming=True)\n"
        "print(next(iter(rows))['caption'])"
    )
    streamed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120
    )
    assert streamed.returncode == 0, streamed.stderr
    first = pq.read_table(next((text_set / "text").glob("test-*.parquet")))["caption"][0].as_py()
    assert streamed.stdout.strip() == first
    assert hashlib.sha256(first.encode()).digest()
