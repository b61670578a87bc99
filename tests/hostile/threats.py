"""The rows of the threat tables as data: drops (D), archives (A), XML (X), PDF (P), amounts and dates (M), database
and object store (S), Airflow with killed processes (K); and a table of our own, files of changes (F).

A row is covered by cases of this folder that carry its id, or by the tests named in `ELSEWHERE`: what needs a relay, an
sshd, a full disk, a database or a scanner stands beside its servers.
"""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLES = {
    "D": "drop and transport",
    "A": "archives",
    "X": "XML",
    "P": "PDF",
    "M": "amounts and dates",
    "S": "database and store",
    "K": "Airflow, killed",
    "F": "files of changes",
}
OF_OURS = "F"  # on no page: statuses, actions and control files came later

ROWS = {
    "D01": "still being written",
    "D02": "upload dropped half way",
    "D03": "truncated while read",
    "D04": "link stalls",
    "D05": "link cut or RST",
    "D06": "rename over existing",
    "D07": "non-UTF-8 name",
    "D08": "odd names",
    "D09": "symlink, FIFO, device, folder, hard link, file of another owner",
    "D10": "same name, same bytes",
    "D11": "same name, other bytes",
    "D12": "other name, same bytes",
    "D13": "code against syntax",
    "D14": "0 byte / over 1 GB / 100k lines",
    "D15": "permission lost, disk full",
    "D16": "clock skew",
    "A01": "`../x`",
    "A02": "absolute path",
    "A03": "symlink out, then through it",
    "A04": "hard link to an absolute path",
    "A05": "char device, fifo",
    "A06": "deep symlink chain",
    "A07": "set-uid file",
    "A08": "name twice, `A.xml` + `a.xml`",
    "A09": "newline, `-rf` as name",
    "A10": "300-char name",
    "A11": "50,000 empty members",
    "A12": "declared 1 PiB, truncated",
    "A13": "negative size in the header (CVE-2025-8194 shape)",
    "A14": "2 GiB of zeros in 2 MB",
    "A15": "truncated gzip, bad CRC, junk after the stream; nested archive",
    "X01": "XXE file / http, parameter entity, external DTD",
    "X02": "the same through `iterparse`",
    "X03": "internal entity, ATTLIST default",
    "X04": "billion laughs, million laughs, quadratic",
    "X05": "depth",
    "X06": "text, attribute, CDATA, comment, PI of 9 / 11 MB",
    "X07": "100k attributes / namespaces",
    "X08": "2 M empty siblings (8 MB)",
    "X09": "400,000 XSD errors",
    "X10": "gzip of a bare XML (named .xml or not), gzip bomb",
    "X11": "invalid or overlong UTF-8, NUL, `&#0;`, `&#1;`, XML 1.1",
    "X12": "EBCDIC, an encoding the parser does not know, leading blank, two roots, trailing text, truncated, empty",
    "X13": "UTF-16 with or without BOM, ISO-8859-15, cp1252",
    "X14": "UTF-7, UTF-32",
    "X15": "declared Latin-1, really UTF-8",
    "X16": "BOM UTF-8 + declared Latin-1",
    "X17": "RTL override, zero-width blank in a number",
    "X18": "comment or PI inside a value",
    "X19": "XInclude, style sheet PI, schemaLocation",
    "X20": "undeclared or reserved prefix, doubled attribute",
    "X21": "XSD with http include",
    "P01": "password to open",
    "P02": "empty user password",
    "P03": "bad startxref",
    "P04": "truncated, 0 byte, not a PDF",
    "P05": "900 bytes of junk before %PDF",
    "P06": "flate bomb 1 GiB (1.0 MB)",
    "P07": "two-layer bomb 2 GiB (4.3 kB)",
    "P08": "object-stream bomb (2 MB -> 2 GB)",
    "P09": "page-tree loop, 100k nested arrays",
    "P10": "4 XML attachments, `FACTUR-X.XML` + `factur-x.xml` with other content",
    "P11": "AFRelationship Unspecified; no /AF; no XMP",
    "P12": "attachment named `../../etc/passwd`",
    "P13": "XXE inside the attached XML",
    "P14": "JavaScript, Launch",
    "P15": "EICAR attached",
    "M01": "NaN",
    "M02": "sNaN",
    "M03": "INF",
    "M04": "1e999",
    "M05": "-0",
    "M06": "20 and 40 digits",
    "M07": "`1,5`",
    "M08": "`1_000`",
    "M09": "`+1`",
    "M10": "` 1 `",
    "M11": "empty",
    "M12": "Arabic-Indic and full-width digits",
    "M13": "trailing newline",
    "M14": "NBSP",
    "M15": "0000-00-00",
    "M16": "29 Feb 2025",
    "M17": "month 13",
    "M18": "24:00",
    "M19": "`Z`",
    "M20": "`+14:00`",
    "M21": "year 0001 and 9999",
    "M22": "`2024-W01-1`",
    "S01": "backend terminated / deadlock",
    "S02": "server stopped (`immediate`), restarted",
    "S03": "link cut after COMMIT",
    "S04": "claim holder dies",
    "S05": "killed between upload, rename and the row `sent`; the partner fetches and deletes at once",
    "S06": "disk full, fsync EIO, SQLite locked",
    "S07": "S3 500, 503 SlowDown, time-out after storing, short body, wrong checksum",
    "S08": "delete or shorten under Object Lock",
    "K01": "A: task process",
    "K02": "B: task + supervisor (a dead worker)",
    "K03": "C: supervisor only",
    "K04": "D: scheduler, restarted 3 s later",
    "K05": "dag-processor killed",
    "K06": "database restart",
    "K07": "two runs on one file",
    "K08": "clear + rerun",
    "K09": "full disk",
    "K10": "lost asset event",
    "K11": "two events for one drop",
    "F01": "XXE, external DTD, entities, laughs in a status file or an action file",
    "F02": "depth, elements, attributes, texts without end in a status file; its rows by the thousand",
    "F03": "encodings, NUL, truncated, empty, two roots",
    "F04": "numbers, moments, roots and elements that are none",
    "F05": "what only looks like a number or a text: bidirectional, SQL, style sheet, formula",
    "F06": "a status file in an archive, beside an invoice, in a bare gzip",
    "F07": "a table of 10^6 rows, of 10^6 columns, a cell of 10 MB",
    "F08": "a table without, with an unknown or a doubled column; open quotes, NUL, other encodings and line ends",
    "F09": "1e999, NaN, rounded SIRET, formulas, amounts that no action changes, the same flow twice",
    "F10": "an archive whose attachments are missing, too many, doubled, empty, programs, bombs, or with two tables",
    "F11": "killed, cut or overtaken at any moment while a file of changes is applied",
    "F12": "an invoice of another recipient or issuer",
}
# tests beside their servers, as file::function: what needs more than a file in a folder
ELSEWHERE = {
    "F11": (
        "slow/test_crash.py::test_a_status_file_and_an_action_file_are_applied_once_whatever_dies",
        "slow/test_crash.py::test_changes_are_applied_once_whatever_becomes_of_the_link_to_the_ledger",
        "property/test_lifecycle_stories.py::test_a_home_does_what_the_lifecycle_says",
    ),
    "F12": (
        "unit/test_lifecycle_decisions.py::test_another_recipient_touches_nothing_and_learns_nothing",
        "unit/test_lifecycle_decisions.py::test_another_issuer_acts_on_nothing_and_learns_nothing",
        "integration/test_isolation_of_changes.py::test_an_invoice_of_another_is_answered_as_one_that_does_not_exist",
    ),
    "D02": (
        "integration/test_serve_sftp.py::test_a_broken_connection_publishes_nothing",
        "integration/test_serve_sftp.py::test_what_was_broken_off_is_removed_at_the_next_start_and_after_a_day",
        "integration/test_remote_drop.py::test_an_upload_that_goes_on_is_left_alone",
        "integration/test_quotas.py::test_an_upload_that_nobody_goes_on_with_is_set_apart_after_a_day",
    ),
    "D03": ("contract/test_drop_contract.py::test_a_file_changed_while_it_is_read_is_an_error_and_read_again_later",),
    "D04": (
        "contract/test_sftp_account.py::test_a_link_that_fails_is_told_in_time_and_the_next_look_reads_all",
        "contract/test_sftp_account.py::test_one_stall_ends_all_channels_of_its_connection_and_they_share_one_time_out",
    ),
    "D05": (
        "contract/test_sftp_account.py::test_a_link_that_fails_is_told_in_time_and_the_next_look_reads_all",
        "integration/test_remote_drop.py::test_a_link_that_fails_in_the_middle_costs_a_sentence_and_nothing_else",
    ),
    "D06": (
        "integration/test_serve_sftp.py::test_a_file_is_replaced_whole_or_left",
        "contract/test_drop_contract.py::test_a_claim_has_one_winner_and_a_key_of_its_own",
        "contract/test_drop_contract.py::test_nothing_is_written_over_another_file",
    ),
    "D09": ("contract/test_sshd_contract.py::test_links_of_both_kinds_are_refused",),
    "D14": ("integration/test_bad_input.py::test_the_report_names_rule_place_value_and_remedy",),
    "D15": (
        "integration/test_remote_drop.py::test_a_file_that_its_partner_closed_to_us_waits_and_stops_no_other",
        "integration/test_runner_faults.py::test_a_file_that_cannot_be_archived_stays_claimed_for_the_next_run",
        "integration/test_runner_faults.py::test_a_full_store_lets_the_unit_wait_and_answers_nothing",
        "contract/test_drop_contract.py::test_a_full_disk_of_ours_is_our_error_and_the_zone_goes_on",
    ),
    "D16": ("contract/test_drop_contract.py::test_only_our_own_clock_says_that_a_file_is_quiet",),
    "P15": (
        "integration/test_antivirus_run.py::test_an_infected_attachment_refuses_the_flow_with_all_its_invoices",
        "integration/test_antivirus_run.py::test_an_infected_file_in_a_compressed_stream_of_a_pdf_is_found",
        "unit/validators/test_antivirus.py::test_every_file_that_a_pdf_embeds_is_handed_over_xml_included",
    ),
    "X21": (
        "unit/adapters/test_artefacts.py::test_a_changed_file_is_a_fault_unless_the_operator_lists_its_digest",
        "unit/adapters/test_artefacts.py::test_a_schema_that_cannot_be_loaded_is_a_fault",
        "unit/adapters/test_artefacts.py::test_the_explainer_fetches_nothing_that_the_document_names",
        "unit/test_xsd.py::test_the_name_of_a_schema_inside_a_document_is_not_followed",
    ),
    "S01": (
        "contract/test_ledger_server.py::test_a_connection_that_an_administrator_ends_is_replaced",
        "contract/test_ledger_server.py::test_who_waits_in_a_ring_runs_again",
    ),
    "S02": ("contract/test_ledger_server.py::test_a_unit_whose_server_crashes_and_comes_back_is_written_once",),
    "S03": (
        "contract/test_ledger_server.py::test_a_unit_whose_commit_was_not_answered_has_its_effect_once_and_its_result",
        "contract/test_ledger_server.py::test_what_is_registered_while_the_link_is_cut_is_registered_once_and_told",
        "slow/test_crash.py::test_a_link_cut_at_a_statement_and_a_run_killed_there_lose_nothing",
    ),
    "S04": (
        "contract/test_ledger_claims.py::test_a_lot_whose_lease_ran_out_is_taken_over_and_its_first_worker_refused",
        "contract/test_ledger_contract.py::test_a_worker_that_lost_its_lot_writes_nothing",
        "contract/test_ledger_races.py::test_a_dead_worker_is_followed_by_one",
    ),
    "S05": (
        "integration/test_runner_faults.py::test_an_answer_whose_sending_was_cut_short_is_delivered_once",
        "slow/test_crash.py::test_a_run_killed_while_its_answers_are_fetched_sends_none_twice",
        "slow/test_crash.py::test_a_run_killed_while_it_pulls_and_pushes_sends_nothing_twice",
    ),
    "S06": (
        "slow/test_crash.py::test_a_call_that_fails_is_a_fault_and_the_next_run_does_the_rest",
        "slow/test_crash.py::test_a_disk_that_is_full_is_a_fault_and_the_next_run_does_the_rest",
        "unit/adapters/test_ledger.py::test_a_unit_that_cannot_be_written_is_a_fault",
    ),
    "S07": (
        "integration/test_s3_faults.py::test_a_store_that_asks_to_slow_down_gets_the_object_later",
        "integration/test_s3_faults.py::test_an_answer_that_is_lost_after_the_object_was_stored_doubles_nothing",
        "integration/test_s3_faults.py::test_a_read_that_breaks_off_is_begun_again",
        "integration/test_s3_faults.py::test_a_store_that_gives_back_other_bytes_than_it_was_given_is_found_out",
        "integration/test_s3_faults.py::test_bytes_that_change_on_their_way_are_not_handed_out",
    ),
    "S08": (
        "contract/test_store_contract.py::test_a_locked_object_stays_for_its_years",
        "contract/test_store_contract.py::test_bytes_that_come_again_are_locked_for_longer_and_never_for_less",
        "integration/test_retention.py::test_what_a_lock_keeps_is_named_and_stays_green",
    ),
    "K01": ("slow/test_airflow_kills.py::test_a_killed_task_gives_its_lot_to_another",),
    "K02": ("slow/test_airflow_kills.py::test_a_killed_worker_with_its_task_gives_its_lot_to_another",),
    "K03": (
        "slow/test_airflow_kills.py::"
        "test_a_task_whose_supervisor_was_killed_ends_its_lot_or_loses_it_and_nothing_is_done_twice",
    ),
    "K04": (
        "slow/test_airflow_kills.py::test_a_killed_scheduler_is_replaced_and_its_task_goes_on",
        "slow/test_airflow_kills.py::test_a_killed_scheduler_with_all_its_tasks_gives_the_lot_to_another",
    ),
    "K05": (
        "slow/test_airflow_faults.py::test_a_flow_is_answered_while_the_dag_processor_is_dead_and_it_comes_back",
        "slow/test_airflow_up.py::test_a_killed_component_comes_back_by_itself",
    ),
    "K06": ("slow/test_airflow_kills.py::test_a_database_that_stops_at_once_and_comes_back_loses_nothing",),
    "K07": ("slow/test_airflow_faults.py::test_two_runs_on_one_file_make_one_deposit",),
    "K08": ("slow/test_airflow_faults.py::test_tasks_that_are_cleared_and_done_again_change_nothing",),
    "K09": (
        "slow/test_airflow_faults.py::test_a_disk_that_is_full_is_a_red_task_and_the_report_goes_when_there_is_room",
    ),
    "K10": ("slow/test_airflow_faults.py::test_an_event_that_is_lost_costs_half_a_minute",),
    "K11": ("slow/test_airflow_faults.py::test_two_events_for_one_drop_make_one_deposit",),
}


@cache
def tests_of(file: str) -> frozenset[str]:
    """The names of the test functions of a file below tests/; none where it is not there."""
    path = TESTS / file
    if not path.is_file():
        return frozenset()
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef))


def is_there(named: str) -> bool:
    """Does the test `file::function` exist?"""
    file, _, function = named.partition("::")
    return function in tests_of(file)
