# shellcheck shell=bash
# Sourced by the scripts: where the repository is, how many jobs fit, and
# stages, which are steps with a name, a time and a result.

KVPLACE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export KVPLACE_ROOT

# A step returns this when it could not run and that is no failure.
readonly SKIPPED=77

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# True where every tool must be there (the automatic run): what is skipped on a
# developer's machine for want of a tool fails there.
strict() { [[ ${KVPLACE_STRICT:-0} == 1 ]]; }

# For a check whose tool is missing.
tool_missing() {
  if strict; then
    die "$1 is missing and this run needs it; scripts/install-deps --dev"
  fi
  printf 'skipped: no %s (scripts/install-deps --dev installs it)\n' "$1"
  exit "$SKIPPED"
}

# A file that includes gRPC takes up to 1 GiB to compile.
jobs_that_fit() {
  local cores gib
  cores=$(nproc)
  gib=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo)
  ((gib < 1)) && gib=1
  echo $((cores < gib ? cores : gib))
}

# --- stages ---
# Lines of the file $KVPLACE_STAGES:
#   stage <tab> ok|FAILED|skipped <tab> seconds <tab> name
#   tests <tab> passed <tab> failed <tab> skipped <tab> name
# Beside it, $KVPLACE_STAGES.failed has the ends of what failed stages printed.
# The script that starts first makes the files and reports; scripts that it
# calls only add lines.

# Lines of each failed stage that are printed again at the end, for whoever gets
# to see the end only.
readonly STAGE_TAIL=25

stages_begin() {
  if [[ -z ${KVPLACE_STAGES:-} ]]; then
    KVPLACE_STAGES=$(mktemp)
    export KVPLACE_STAGES
    KVPLACE_STAGES_OWNER=$BASHPID
    trap 'rm -f "$KVPLACE_STAGES" "$KVPLACE_STAGES".*' EXIT
  fi
}

_stage_begin() {
  _stage_started=$SECONDS
  printf '\n==> %s\n' "$1"
}

# _stage_end NAME STATUS
_stage_end() {
  local seconds=$((SECONDS - _stage_started)) result=ok
  if (($2 == SKIPPED)); then
    result=skipped
  elif (($2 != 0)); then
    result=FAILED
  fi
  printf 'stage\t%s\t%d\t%s\n' "$result" "$seconds" "$1" >>"$KVPLACE_STAGES"
  printf '<== %s: %s, %d s\n' "$1" "$result" "$seconds"
}

# _kept FILE COMMAND...: what the command prints is in the file, too. Not on a
# terminal, where programs draw otherwise than into a pipe, and where one can
# scroll back.
_kept() {
  local file=$1 status=0 copy
  shift
  : >"$file"
  if [[ -t 1 ]]; then
    "$@"
    return
  fi
  # In braces, so that this shell itself starts the copy and knows its number.
  { "$@" || status=$?; } > >(tee -- "$file") 2>&1
  copy=$!
  # A process that the command left running would keep the copy waiting.
  for _ in $(seq 50); do
    kill -0 "$copy" 2>/dev/null || break
    sleep 0.1
  done
  kill "$copy" 2>/dev/null || true
  return "$status"
}

# _remember_failed NAME: its end, from stdin.
_remember_failed() {
  { printf '\n--- the end of: %s ---\n' "$1"; cat; } >>"$KVPLACE_STAGES.failed"
}

# stage NAME COMMAND...: 0 when the command succeeded or skipped.
stage() {
  local name=$1 status=0
  shift
  _stage_begin "$name"
  _kept "$KVPLACE_STAGES.log" "$@" || status=$?
  _stage_end "$name" "$status"
  if ((status != 0 && status != SKIPPED)); then
    tail -n "$STAGE_TAIL" "$KVPLACE_STAGES.log" | _remember_failed "$name"
  fi
  ((status == 0 || status == SKIPPED))
}

# stage_ctest NAME PRESET [CTEST_ARGUMENT...]
stage_ctest() {
  local name=$1 preset=$2 build=$KVPLACE_ROOT/build/$2 status=0 wrap=()
  shift 2
  _stage_begin "$name"
  # ThreadSanitizer's fixed address ranges collide with wide randomization.
  if [[ $preset == tsan ]] &&
    (($(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0) > 28)); then
    wrap=(setarch -R)
  fi
  rm -f "$build/junit.xml"
  (cd "$KVPLACE_ROOT" && "${wrap[@]}" ctest --preset "$preset" \
    -j "$(nproc)" --output-junit "$build/junit.xml" "$@") || status=$?
  _print_skipped "$build/Testing/Temporary/LastTest.log"
  _record_tests "$name" "$build/junit.xml"
  _stage_end "$name" "$status"
  if ((status != 0)); then
    _print_failed "$build/Testing/Temporary/LastTest.log" | _remember_failed "$name"
  fi
  ((status == 0))
}

# The ends of what the failed tests of a log of ctest printed, without the lines
# of GoogleTest for the cases that passed; nothing when no test ran.
_print_failed() {
  [[ -f $1 ]] || return 0
  awk -v most="$STAGE_TAIL" '
    /^[0-9]+\/[0-9]+ Test: / { name = $3; n = 0; reading = 0; next }
    /^Output:$/ { reading = 1; next }
    /^<end of output>$/ { reading = 0; next }
    /^Test Failed\./ {
      print name ":"
      for (i = n > most ? n - most : 0; i < n; i++) print "  " line[i]
      next
    }
    reading && /^\[( RUN      |       OK |-+)\]/ { next }
    reading && NF && !/^-+$/ { line[n++] = $0 }' "$1"
}

# One line for each skipped case of a GoogleTest log: its name and reason.
_print_skipped() {
  [[ -f $1 ]] || return 0
  awk '
    /: Skipped$/ { reading = 1; reason = ""; next }
    reading && /^\[  SKIPPED \] / {
      print "skipped: " $4 ": " reason; reading = 0; next
    }
    reading { reason = reason (reason == "" ? "" : " ") $0 }' "$1"
}

# The counts that ctest wrote; none when it could not start.
_record_tests() {
  local name=$1 junit=$2 total failed skipped
  [[ -f $junit ]] || return 0
  _attribute() { sed -n "/^[[:space:]]*$1=\"[0-9]*\"/{s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p;q}" "$junit"; }
  total=$(_attribute tests)
  failed=$(_attribute failures)
  skipped=$(_attribute skipped)
  printf 'tests\t%d\t%d\t%d\t%s\n' \
    $((total - failed - skipped)) "$failed" "$skipped" "$name" >>"$KVPLACE_STAGES"
}

# Prints what ran, then the ends of what failed, then the counts, and returns 1
# when something failed. Only in the script that began; in one that was called
# it only returns.
stages_end() {
  if [[ ${KVPLACE_STAGES_OWNER:-} != "$BASHPID" ]]; then
    ! grep -q $'^stage\tFAILED\t' "$KVPLACE_STAGES"
    return
  fi
  printf '\n'
  awk -F '\t' -v ends="$KVPLACE_STAGES.failed" '
    $1 == "tests" {
      passed += $2; failed += $3; skipped += $4; tested[$5] = 1; broken[$5] = $3
      lines[++n] = sprintf("%s: %d%% tests passed, %d tests failed out of %d%s",
        $5, $2 + $3 + $4 ? int(100 * ($2 + $4) / ($2 + $3 + $4)) : 0, $3,
        $2 + $3 + $4, $4 ? " (" $4 " skipped)" : "")
    }
    $1 == "stage" {
      printf "%-8s %5d s  %s\n", $2, $3, $4
      seconds += $3; stages[++m] = $4; result[m] = $2
    }
    END {
      printf "%-8s %5d s  %s\n\n", "", seconds, "all stages"
      for (i = 1; i <= n; i++) print lines[i]
      # A stage of tests counts by its tests, any other as one.
      for (i = 1; i <= m; i++) {
        if (stages[i] in tested && (result[i] == "ok" || broken[stages[i]])) continue
        if (result[i] == "ok") passed++
        else if (result[i] == "skipped") skipped++
        else failed++
      }
      while ((getline end < ends) > 0) { print end; ended = 1 }
      if (ended) print ""
      for (i = 1; i <= m; i++) if (result[i] == "FAILED") print "FAILED: " stages[i]
      if (skipped) print skipped " skipped"
      print passed + 0 " passed, " failed + 0 " failed"
      exit failed > 0
    }' "$KVPLACE_STAGES"
}
