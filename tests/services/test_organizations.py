"""The union tree: built from a sheet, moved, and refused where it is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.organization import Organization
from portal.access import audit, tree
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.access.organizations import (
    CodeTaken,
    Imported,
    create_organization,
    import_tree,
    move_organization,
)
from portal.access.permissions import NotAllowed
from portal.clock import Clock
from tests.conftest import City
from tests.web.canaries import release

HEADING = "code,name,kind,parent_code,nature\n"
SOUND = """\
U1,一厂工会,unit,G2,国有
G2,分公司工会,group,G1,
G1,集团工会,group,B1,
SH,总工会,city,,
B1,机电工会,bureau,SH,
D1,长宁区总工会,district,SH,
"""


def sheet(tmp_path: Path, text: str, encoding: str = "utf-8") -> list[tree.Row]:
    path = tmp_path / "tree.csv"
    path.write_bytes((HEADING + text).encode(encoding))
    return tree.read_sheet(path)


def load(session: Session, clock: Clock, rows: list[tree.Row]) -> Imported:
    return import_tree(session, system_actor(session), clock, rows)


def place(session: Session, code: str) -> Organization:
    return session.scalars(select(Organization).where(Organization.code == code)).one()


def test_a_sheet_in_any_order_builds_the_tree(
    session: Session, clock: Clock, tmp_path: Path
) -> None:
    assert load(session, clock, sheet(tmp_path, SOUND)) == Imported(6, 6, 0, 0)
    unit, bureau, root = place(session, "U1"), place(session, "B1"), place(session, "SH")
    groups = f"{place(session, 'G1').id}/{place(session, 'G2').id}"
    assert unit.path == f"/{root.id}/{bureau.id}/{groups}/{unit.id}/"
    assert (unit.depth, unit.district_id, unit.nature) == (4, bureau.id, "国有")
    assert (root.depth, root.district_id, root.path) == (0, None, f"/{root.id}/")
    assert place(session, "B1").name_key.startswith("ji1 机 dian4 电")
    assert list(audit.broken_links(session)) == []


def test_the_same_sheet_again_changes_nothing(
    session: Session, clock: Clock, tmp_path: Path
) -> None:
    load(session, clock, sheet(tmp_path, SOUND))
    entries = session.query(AuditEntry).count()
    assert load(session, clock, sheet(tmp_path, SOUND)) == Imported(6, 0, 0, 6)
    assert session.query(AuditEntry).count() == entries == 6


def test_a_later_sheet_moves_a_union_with_all_below_it(
    session: Session, clock: Clock, tmp_path: Path
) -> None:
    load(session, clock, sheet(tmp_path, SOUND))
    assert load(session, clock, sheet(tmp_path, "G1,集团工会,group,D1,\n")).changed == 1
    unit, district = place(session, "U1"), place(session, "D1")
    assert unit.path.startswith(district.path)
    assert unit.district_id == district.id


def test_gb18030_is_read_too(session: Session, clock: Clock, tmp_path: Path) -> None:
    load(session, clock, sheet(tmp_path, SOUND, "gb18030"))
    assert place(session, "SH").name == "总工会"


@pytest.mark.parametrize(
    ("text", "refusal", "row"),
    [
        ("SH,总,city,,\nA,甲,district,B,\nB,乙,district,A,\n", tree.ParentCycle, 3),
        ("SH,总,city,,\nA,甲,district,X,\n", tree.UnknownParent, 3),
        ("SH,总,city,,\nA,甲,district,SH,\nA,乙,district,SH,\n", tree.DuplicateCode, 4),
        ("SH,总,city,,\nA,甲,village,SH,\n", tree.UnknownKind, 3),
        ("SH,总,city,,\nA,,district,SH,\n", tree.BadCell, 3),
        ("SH,总,city,,\nA,甲\0,district,SH,\n", tree.BadCell, 3),
        (f"SH,总,city,,\nA,{'甲' * 121},district,SH,\n", tree.BadCell, 3),
        ("SH,总,city,,\nS2,二,city,,\n", tree.MisplacedRoot, 3),
        ("SH,总,city,,\nS2,二,city,SH,\n", tree.MisplacedRoot, 3),
        ("D,甲,district,,\n", tree.MisplacedRoot, 2),
        (
            "V,二厂,unit,U,\nU,一厂,unit,D,\nD,甲,district,SH,\nSH,总,city,,\n",
            tree.MisplacedUnion,
            2,
        ),
        ("SH,总,city,,\nD,甲,district,SH,\nE,乙,district,D,\n", tree.MisplacedUnion, 4),
        ("SH,总,city,,\nD,甲,district,SH,\nB,机电,bureau,D,\n", tree.MisplacedUnion, 4),
        ("SH,总,city,,\nU,一厂,unit,SH,\nG,集团,group,U,\n", tree.MisplacedUnion, 4),
    ],
)
def test_a_broken_sheet_is_refused_by_row(
    session: Session,
    clock: Clock,
    tmp_path: Path,
    text: str,
    refusal: type[tree.BadTree],
    row: int,
) -> None:
    with pytest.raises(refusal) as refused:
        load(session, clock, sheet(tmp_path, text))
    assert refused.value.params["row"] == row
    assert session.query(Organization).count() == 0


@pytest.mark.parametrize(
    "text",
    [
        "D1-1,甲一厂工会,unit,D1-2,\n",
        "D2,乙区总工会,district,D1,\n",
        "B1,机电工会,bureau,D1,\n",
        "G1,集团工会,unit,B1,\n",
        "D1,甲区总工会,unit,SH,\n",
    ],
)
def test_a_later_sheet_hangs_no_union_where_it_does_not_belong(
    session: Session, clock: Clock, city: City, tmp_path: Path, text: str
) -> None:
    before = {place.code: (place.kind, place.path) for place in session.query(Organization)}
    with pytest.raises(tree.MisplacedUnion) as refused:
        load(session, clock, sheet(tmp_path, text))
    assert refused.value.params["row"] == 2
    after = {place.code: (place.kind, place.path) for place in session.query(Organization)}
    assert after == before


@pytest.mark.parametrize(
    ("code", "kind", "parent"),
    [("X", "unit", "D1-1"), ("X", "district", "D1"), ("X", "bureau", "G1"), ("X", "group", "SH")],
)
def test_a_new_union_hangs_where_it_belongs(
    session: Session, clock: Clock, city: City, code: str, kind: str, parent: str
) -> None:
    above = city.union(parent)
    with pytest.raises(tree.MisplacedUnion):
        create_organization(
            session,
            system_actor(session),
            clock,
            code=code,
            name="新工会",
            kind=kind,
            parent=above,
        )
    assert session.query(Organization).count() == len(city.unions)


@pytest.mark.parametrize(
    ("code", "parent"), [("D1-1", "D1-2"), ("D2", "D1"), ("B1", "D1"), ("G1", "SH")]
)
def test_a_union_is_not_moved_to_where_it_does_not_belong(
    session: Session, clock: Clock, city: City, code: str, parent: str
) -> None:
    path = city.union(code).path
    with pytest.raises(tree.MisplacedUnion):
        move_organization(
            session, system_actor(session), clock, city.unions[code], city.unions[parent]
        )
    session.expire_all()
    assert city.union(code).path == path


def test_a_chain_deeper_than_a_path_holds_is_refused(
    session: Session, clock: Clock, tmp_path: Path
) -> None:
    chain = "".join(f"G{at},组,group,{f'G{at - 1}' if at else 'SH'},\n" for at in range(20))
    with pytest.raises(tree.TooDeep):
        load(session, clock, sheet(tmp_path, "SH,总,city,,\n" + chain))


@pytest.mark.parametrize("text", ["name,code\n甲,A\n", 'code,name,kind,parent_code\nA,"甲,x\n'])
def test_a_sheet_without_its_columns_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tree.csv"
    path.write_text(text)
    with pytest.raises((tree.MissingColumns, tree.UnreadableSheet)):
        tree.read_sheet(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tree.csv"
    path.write_bytes(b"\xff\xfe\x00\x81" * 50)
    with pytest.raises((tree.UnreadableSheet, tree.MissingColumns)):
        tree.read_sheet(path)


def test_a_union_cannot_be_moved_below_itself(session: Session, clock: Clock, city: City) -> None:
    with pytest.raises(tree.ParentCycle):
        move_organization(
            session, system_actor(session), clock, city.unions["B1"], city.unions["G1"]
        )


def test_a_moved_union_takes_its_subtree_along(session: Session, clock: Clock, city: City) -> None:
    move_organization(session, system_actor(session), clock, city.unions["G1"], city.unions["D2"])
    unit = city.union("G1-1")
    assert unit.path == f"{city.union('D2').path}{city.unions['G1']}/{unit.id}/"
    assert unit.district_id == city.unions["D2"]


def test_applications_follow_their_unit_to_its_new_district(
    session: Session, clock: Clock, city: City
) -> None:
    release(city)
    case, stays = city.unions["G1-1"], city.unions["D1-1"]
    move_organization(session, system_actor(session), clock, city.unions["G1"], city.unions["D2"])
    session.expire_all()
    assert session.get_one(Application, case).district_id == city.unions["D2"]
    assert session.get_one(Application, stays).district_id == city.unions["D1"]


def test_a_code_is_given_once(session: Session, clock: Clock, city: City) -> None:
    with pytest.raises(CodeTaken):
        create_organization(
            session,
            system_actor(session),
            clock,
            code="D1",
            name="又一区",
            kind="district",
            parent=city.union("SH"),
        )


def test_only_the_system_administrator_changes_the_tree(
    session: Session, clock: Clock, city: City
) -> None:
    district: Actor = city.person("d1", "district", "D1")
    with pytest.raises(NotAllowed):
        import_tree(session, district, clock, [])
