"""What an expression means is what Saxon says it means: each one of these runs in both, on documents that tell readings apart.

A row is an expression; the documents are those of its table. Where it is asked for its truth, it stands in a report; where
for its value, in the message of one. A row whose documents all have the same outcome would prove nothing: it fails.
"""

from typing import Any

import pytest
from a_sheet import a_report, a_sheet_of, a_value
from sheet_documents import ONE_SIDED, PAIRS, SOME, TREES, WORDS
from two_engines import Oracle, differences


def rows(*tables: tuple[list[str], str]) -> Any:
    """One parameter for each expression of the tables; a table is its documents and its expressions, a line each."""
    return [
        pytest.param(line.strip(), documents, id=line.strip())
        for documents, table in tables
        for line in table.strip().splitlines()
        if line.strip()
    ]


NUMBERS_TRUE = """
x = 1
x != 1
not(x = 1)
x > 0
1 < x
x <= 1.0
x >= 1e0
xs:decimal(x) = 1
xs:decimal(x) != 1
not(xs:decimal(x) != 1)
xs:decimal(x) eq 1
xs:decimal(x) ge 0.5
number(x) = 1
number(x)
not(number(x))
number(x) > 0.5
x + 0 = 1
xs:decimal(x) = xs:decimal('1.00')
x = true()
x = false()
x != false()
x cast as xs:boolean?
not(x cast as xs:boolean?)
round(x) = x
abs(x) = 1
-x = 1
x * 100 = 250
x div 2 = 0.5
sum(x) = 1
sum(x) > 0
count(x) = 1
x < '9'
'1' >= x
x = () or x = '1'
(() + 1) = 1 or x = '1'
empty(xs:decimal(())) and x = '1'
x[1] = (x = '1')
(x = '1') eq true()
true() ne not(x)
(if (x = '1') then distinct-values(x) else '10') = '10'
(if (x = '1') then x else string(x[1]))
"""
NUMBERS_VALUE = """
xs:decimal(x)
xs:decimal(x) + 1
xs:decimal(x) * 2
xs:decimal(x) div 3
xs:decimal(x) mod 2
-xs:decimal(x)
round(xs:decimal(x))
abs(xs:decimal(x))
x + 1
x - 0.1
x * 3
x div 3
x div 0
-x
+x
round(x)
abs(x)
number(x)
number(x) + 0.1
xs:decimal(x - 1)
xs:decimal(number(x))
string(xs:decimal(x))
concat('a', xs:decimal(x), 'b', number(x))
round(x * 100) div 100
round(xs:decimal(x) * 10 * 10) div 100
round(xs:decimal(x) * 100) div 100
x = 1
xs:decimal(x) eq 1
"""


# the side that has a value is worked out even where the other side is empty
ONE_SIDED_TRUE = """
sum(x/xs:decimal(.)) > y
y <= sum(x/xs:decimal(.))
sum(x/xs:decimal(.)) = y
sum(x/xs:decimal(.)) != y
xs:decimal(x) >= y
y < xs:decimal(x)
y/xs:decimal(.) = sum(x)
"""
PAIRS_TRUE = """
x = y
x != y
not(x = y)
not(x != y)
x < y
x <= y
x > y
x >= y
x eq y
x ne y
x lt y
x ge y
not(x eq y)
xs:decimal(x) = xs:decimal(y)
xs:decimal(x) < xs:decimal(y)
xs:decimal(x) eq xs:decimal(y)
xs:decimal(x) + xs:decimal(y) > 2
x/xs:decimal(.) = y/xs:decimal(.)
x/xs:decimal(.) != y/xs:decimal(.)
x/xs:decimal(.) > y/xs:decimal(.)
x/number(.) = y/number(.)
x/string(.) = y/string(.)
number(x) = number(y)
number(x) != number(y)
xs:decimal(x) < y
x = y/string(.)
count(x) = count(y)
1 div sum(y) > 0.2
sum(y) div 2 = 1
count(x[. = ../y]) = 2
x[. = ../y]
not(x[. != ../y])
x = (1, 2)
(x = 'a') = (y = 'a')
(x = 'a') != true()
exists(x) = exists(y)
(x or y) and not(x and y)
x and y
x or y
not(x) or not(y)
empty(x) and exists(y)
some $v in x satisfies $v = y
every $v in x satisfies $v = y
every $v in x satisfies xs:decimal($v) >= 1
some $v in x, $w in y satisfies $v = $w
some $v in x, $w in x[. != $v] satisfies $w = y
for $v in x return $v = y
if (x) then x = 'a' else y = '1'
if (x = y) then exists(x) else false()
x = (if (y) then y else 'a')
x[1] = y[1]
x[2] = y[1]
x[. = '2'][1] = y
(x | y)[1] = '1'
(x | y)[2] = '2'
count(x | y) = 3
count(x | y | x) = 2
sum(x) = sum(y)
sum((x | y)) = 2
sum(x/xs:decimal(.)) = sum(y/xs:decimal(.))
abs(sum(x/xs:decimal(.)) - sum(y/xs:decimal(.))) <= 0.01
(sum(x) + 1.01) - 1 > 0.01
(sum(x) + 1.01) - 1 = 0.01
0.01 eq sum(x) + 1.01 - 1 - sum(y)
round((sum(x) - 1.005) * 100) div 100 = -1
1 div (sum(x) - sum(y)) > 0
(if (y) then sum(x) else 0.5) > 0.9
(sum(x) + 1.1) * 1.1 = 1.21
x/xs:decimal(.) = (sum(y), sum(x))
xs:decimal(sum(x) + 0.1) = 0.1
not(sum(x) - sum(y))
distinct-values(x) = distinct-values(y)
count(distinct-values(x)) = count(x)
count(distinct-values((x | y))) = 1
string-length(x[1]) > string-length(y[1])
concat(x, '-', y) = '1-1'
string-join(x, '+') = '1+2'
string-join(y, '')
contains(x, y)
starts-with(x, y)
ends-with(x, y)
substring-after(x, y) = ''
substring-before(x, y) = ''
normalize-space(x) = normalize-space(y)
upper-case(x) = upper-case(y)
xs:decimal(x) mod xs:decimal(y) = 0
xs:decimal(x) div xs:decimal(y) = 1
"""
PAIRS_VALUE = """
x
x | y
y | x
x[1]
x[2]
x[. = 'b']
x = y
x eq y
if (x) then x else y
if (x) then x else 'none'
if (x) then string(x[1]) else y
for $v in x return concat($v, '!')
for $v in x return $v
for $v in x, $w in y return concat($v, $w)
for $v in x return if ($v = '1') then 'one' else $v
distinct-values(x)
distinct-values((x | y))
count(x)
sum(x)
sum(x | y)
sum(x) + 0.1
sum(x) * 1.10
(sum(x) + 1.01) - 1
sum(x) - sum(y)
sum(x) div 3
1 div (sum(x) + 3)
sum(x) * 100 div 100
round(sum(x) + 2.5)
round(-sum(x))
abs(sum(x) - 0.3)
if (x) then sum(x) else 1
sum(x) + y
sum(x/xs:decimal(.))
xs:decimal(x) + xs:decimal(y)
xs:decimal(x) - xs:decimal(y)
xs:decimal(x) * xs:decimal(y)
xs:decimal(x) div xs:decimal(y)
xs:decimal(x) mod xs:decimal(y)
x + y
x - y
x * y
x div y
string(x[1])
string(y)
concat(x, y)
string-join(x, ',')
string-join((x | y), ', ')
x/xs:decimal(.)
x/number(.)
x/normalize-space(.)
exists(x)
not(x)
x and y
name(x[1])
local-name(x[1])
local-name(y)
xs:decimal(x) = xs:decimal(y)
number(y)
substring-after(x, y)
substring-before(x, y)
../doc/x
/doc/x[1]
//x
//y[1]
.
"""
TEXTS_TRUE = r"""
x = 'a'
x != 'a'
not(x = 'a')
x = ('a', 'B', '71')
not(x = ('a', 'B'))
x = ''
x != ''
normalize-space(x) = ''
normalize-space(x) != ''
normalize-space(x)
not(normalize-space(x))
normalize-space(x) = 'a b'
string-length(x) = 0
string-length(x) > 4
string-length(normalize-space(x)) = 1
string(x)
string(x) = x
upper-case(x) = 'STRASSE'
upper-case(x) = x
upper-case(normalize-space(x)) = ('A', 'A B', 'FI')
matches(x, '^\d+$')
matches(x, '^[0-9]{13,14}$')
matches(x, '\d')
matches(x, '^\s')
matches(x, 'a$')
matches(x, '^a')
matches(x, '.')
matches(x, '^.$')
matches(x, '^[A-Z]{2}')
matches(x, '^[^a-z ]+$')
matches(x, '^(a|b)')
matches(x, '[.]\d{2,}')
matches(x, '^\s*$')
matches(x, '^[\s\d]+$')
matches(x, '^[A-Za-z0-9+\-_/]+$')
matches(normalize-space(x), '^.{2,3}$')
contains(x, ' ')
contains(x, '')
contains(x, 'b')
starts-with(x, 'a')
starts-with(x, '')
ends-with(x, 'b')
ends-with(x, '')
contains(' A B 71 ', concat(' ', x, ' '))
contains(' A B 71 ', concat(' ', normalize-space(x), ' '))
not(contains(normalize-space(x), ' ')) and contains(' A B 71 ', concat(' ', normalize-space(x), ' '))
contains(' A  B ', concat(' ', x, ' '))
contains('A B 71', concat(' ', x, ' '))
substring(x, 2) = ''
substring(x, 1, 2) = 'FR'
substring-after(x, '.') = '25'
string-length(substring-after(x, '.')) <= 2
substring-before(x, '-') = 'a'
substring-after(x, '') = x
substring-before(x, '') = ''
tokenize(x, '\s') = ''
tokenize(x, '\s+') = '80'
count(tokenize(x, '-')) = 3
count(tokenize(x, '\s+')) = 2
x = tokenize('71 80 a', '\s')
x = tokenize(' 71 80', '\s+')
tokenize(x, '\s') = tokenize('80 90', ' ')
every $t in tokenize(x, ' ') satisfies string-length($t) > 1
some $t in tokenize(x, '-') satisfies $t = 'b'
concat(x, 'a') = 'aa'
string-join(tokenize(x, '-'), '') = 'abc'
replace(x, '-', '') = 'abc'
replace(x, '\s+', '') = 'ab'
replace(x, '[a-c]', 'x') = 'x'
xs:date(x) > xs:date('2025-01-01')
xs:date(x) = xs:date('2025-12-31')
xs:date(x) le xs:date('2025-02-28')
some $v in x satisfies $v = xs:date('2025-02-28')
some $v in x satisfies $v < xs:date('2025-12-31')
x cast as xs:boolean?
x = true()
number(x) = 1
x/text() = 'a'
x/text()
not(x/text())
string-length(string(x)) = 1
distinct-values(x) = 'B'
"""
TEXTS_VALUE = r"""
normalize-space(x)
upper-case(x)
string-length(x)
concat('<', x, '>')
substring(x, 2)
substring(x, 0)
substring(x, 0, 2)
substring(x, -1, 3)
substring(x, 1, 0)
substring(x, 2, 100)
substring(x, string-length(x))
substring(x, string-length(x) - 1)
substring-after(x, 'a')
substring-before(x, 'b')
substring-after(x, ' ')
substring-after(x, '')
tokenize(x, '\s')
tokenize(x, '-')
string-join(tokenize(x, '\s+'), '|')
string-join(tokenize(x, 'a'), '|')
replace(x, '[\s]', '_')
replace(x, '\d{2}', '#')
replace(x, '^a|b$', '')
matches(x, 'a')
name(x)
x/text()
string(x)
"""


TREES_TRUE = """
x
g/x
//x
//x = '1'
//x[1] = '2'
(//x)[1] = 'three'
//g/x[2]
//g[2]/x[1] = '3'
count(//x) > 1
count(//x/..[1]) = 1
count(//g/.//x[1]) = 2
count(//g//x) = 2
count(g/x) = count(//x)
count(*) = 3
count(*/*) = 2
g/*
.//x = '3'
count(.//x) = 3
count(.//*) = 5
count(//*) > 5
//@n
//@n = '2'
@n
g/@n = '1'
g/@n != '1'
@n != '2'
@n = true()
not(@n = false())
@n > 0
xs:decimal(@n) >= 1
count(@n) = 1
.//@n = '7'
self::*/x
*/self::*/x
@n = '1'
g[@n]/x
g[@n = '2']/x = '2'
count(g[x]) = 1
count(g[not(x)]) = 1
g[x = '1'][y]
g[x = '1' and y = '1']
g[y or x = '3']
g[x][1]/x = '1'
g[2]
g[2][x]
g[count(x) = 2]
g[count(x) > 1]/x[2] = '2'
g/x[. = '1']
x[. = ../y]
x[../g]
g/x[../@n = '1']
g/x/../@n
..
../..
../doc
g/../x
//x/..[y]
//x[parent::g]
//x[ancestor::g/@n]


//x[ancestor::doc]
//x[self::x]
*[self::g]/x
*[self::x or self::y]
//x[count(ancestor::*) = 2]
//x[count(ancestor::g) = 3]
//x[preceding::x = .]
//x[preceding::y]
//x[. = preceding::x]
count(//x[not(. = preceding::x)]) = 3
//y[. = //x]
//x[string(.) = string(//y[1])]
descendant::x
count(descendant::x) = 2
count(descendant::*) = 4
g/descendant::x = '1'
child::g/child::x
self::doc
parent::top
//text()
count(//text()) = 5
.//text() = 'two'
text()
text() = 'one'
count(text()) = 2
g/text()
. = '1'
. = ''
string(.) = '12'
normalize-space(.) = 'onetwothreefourfive'
string(g[1]) = '1'
a:x
b:x = '2'
a:x/a:x
self::a:doc
/a:doc/a:g
/doc/a:x
*:x
*:x = '2'
//*:x = '1'
a:*
a:*/x
//a:*
//b:*
//a:x
//@a:n
*[local-name() = 'x']
*[name() = 'x']
*[name() = 'p:x']
*[local-name(.) = 'g']/x
/*
/doc
/top/doc
/doc/g/x = '3'
/
not(/doc/x)
exists(/top)
count(/doc/g | /doc/x) = 3
count(//g | //x) = 4
(g | x)[2] = '2'
count(g/(x | y)) = 3
g/(x | y) = '2'
(g/x | x) = '3'
x | y
not(x | y)
every $g in g satisfies $g/x
every $g in g satisfies count($g/x) = 1
some $g in g satisfies $g/x = $g/y
some $v in //x satisfies $v/../@n = '1'
every $g in g, $v in $g/x satisfies $v = '1'
count(for $g in g return $g/x) = 2
sum(for $g in g return count($g/x)) = 4
for $g in g[1] return $g/x = '1'
//g[not(y)]/x = '2'
"""
TREES_VALUE = """
//x
//x[1]
(//x)[1]
//y | //x
g/x | x
//g/*
//g//x
//*/x
(//g/x)[1]
//g/x[1]
g/(x | y)
(g | x)[1]
.
g
//@n
@n
//text()
x/..

//x/name()
//x/local-name()
*/name()
*/local-name(.)
count(//*)
name(*[1])
name(..)
local-name(/*)
string(/)
for $g in g return $g/x[1]
for $g in g return count($g/*)
for $g in g return $g/@n
//x[preceding::x = .]
distinct-values(//x)
count(@n)
count(..)
exists(@n)
@n = '1'
"""


@pytest.mark.parametrize(
    ("test", "documents"),
    rows(
        (SOME, NUMBERS_TRUE), (PAIRS, PAIRS_TRUE), (ONE_SIDED, ONE_SIDED_TRUE), (WORDS, TEXTS_TRUE), (TREES, TREES_TRUE)
    ),
)
def test_an_expression_holds_where_saxon_says_so(test: str, documents: list[str], oracle: Oracle) -> None:
    assert not differences(a_sheet_of(a_report(test), match="*:doc"), documents, oracle)


@pytest.mark.parametrize(
    ("select", "documents"),
    rows((SOME, NUMBERS_VALUE), (PAIRS, PAIRS_VALUE), (WORDS, TEXTS_VALUE), (TREES, TREES_VALUE)),
)
def test_an_expression_has_the_value_that_saxon_gives(select: str, documents: list[str], oracle: Oracle) -> None:
    said = a_report("true()", f"value: {a_value(select)}")
    assert not differences(a_sheet_of(said, match="*:doc"), documents, oracle)
