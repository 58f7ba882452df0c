/*
 * engine/base/diag_codes.h - every diagnostic code: X(number, NAME, summary, help).
 *
 * No include guard: the includer defines X. Append only, numbers are stable. Ranges: 01xx files and
 * YAML, 02xx names and expressions, 03xx features and events, 04xx decisions and models, 05xx
 * assay.yaml.
 */
X(101, YAML_SYNTAX, "the file is not valid YAML", "mend the YAML at the place shown")
X(201, SYNTAX, "an expression does not parse", "see the grammar in docs/definitions.md")
X(211, UNKNOWN_FIELD, "an event has no such field", "declare the field under the event or mend its name")
X(301, NOT_BUILT, "the construct is part of the language but not built yet", "leave it out for now")
