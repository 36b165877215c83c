# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
# shellcheck shell=bash
# Completion of gemelctl for bash. The words come from gemelctl itself (completion-words), so that
# this file knows no list that could grow old; what needs a daemon is empty without one.

_gemelctl_words()
{
  local options=()
  local i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} == --bus-address ]]; then
      options=(--bus-address "${COMP_WORDS[i + 1]}")
    fi
  done
  "${COMP_WORDS[0]}" --timeout 2 "${options[@]}" completion-words "$1" 2>/dev/null
}

_gemelctl_reply()
{
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

# What can stand as an argument of a command, by its place.
_gemelctl_argument()
{
  local command=$1 place=$2
  case "$command $place" in
    "settings get 0" | "settings set 0" | "settings reset 0" | "settings describe 0")
      _gemelctl_reply "$(_gemelctl_words settings)" ;;
    "resync 0" | "series 0")
      _gemelctl_reply "$(_gemelctl_words providers)" ;;
    "state get 0" | "state post 0" | "state delete 0" | "state list 0")
      _gemelctl_reply "$(_gemelctl_words state-providers)" ;;
    "log level 0" | "log merge 0")
      _gemelctl_reply "$(_gemelctl_words log-providers)" ;;
    "log level 1")
      _gemelctl_reply "trace debug info warning error" ;;
    "log merge 1")
      _gemelctl_reply "on off" ;;
    "series 1")
      _gemelctl_reply "pending queued-rate dispatched-rate cache-bytes cache-entries" ;;
    *)
      COMPREPLY=() ;;
  esac
}

# Options of a command: what its own help says.
_gemelctl_options()
{
  local words=()
  read -ra words <<<"$1"
  _gemelctl_reply "$("${COMP_WORDS[0]}" "${words[@]}" --help 2>/dev/null |
    grep -oE -- '--[a-z][a-z-]*' | sort -u)"
}

_gemelctl_value()
{
  case "$1" in
    --severity) _gemelctl_reply "info notice warning critical" ;;
    --code) _gemelctl_reply "$(_gemelctl_words events)" ;;
    --durability) _gemelctl_reply "local pair" ;;
    --level) _gemelctl_reply "trace debug info warning error" ;;
    --provider) _gemelctl_reply "$(_gemelctl_words log-providers)" ;;
    --type) _gemelctl_reply "double int bool string" ;;
    --file) mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
    --bus-address | --timeout | --limit | --since | --until | --from | --to | --points | --count | \
      --grep | --prefix | --status | --time | --address) COMPREPLY=() ;;
    *) return 1 ;;
  esac
}

_gemelctl()
{
  local commands current words=() word command='' rest i
  current=${COMP_WORDS[COMP_CWORD]}
  if _gemelctl_value "${COMP_WORDS[COMP_CWORD - 1]}"; then
    return
  fi
  commands=$(_gemelctl_words commands)
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$word" in
      --bus-address | --timeout | --limit | --severity | --code | --since | --until | --provider | \
        --level | --grep | --durability | --file | --prefix | --type | --status | --time | --from | \
        --to | --points | --count | --address) ((i++)) ;;
      -*) ;;
      *) words+=("$word") ;;
    esac
  done
  if grep -qxF -- "${words[0]} ${words[1]}" <<<"$commands"; then
    command="${words[0]} ${words[1]}"
    rest=$((${#words[@]} - 2))
  elif grep -qxF -- "${words[0]}" <<<"$commands"; then
    command=${words[0]}
    rest=$((${#words[@]} - 1))
  fi
  if [[ $current == -* ]]; then
    _gemelctl_options "${command:-}"
  elif [[ ${#words[@]} -eq 0 ]]; then
    _gemelctl_reply "$(cut -d ' ' -f 1 <<<"$commands" | sort -u)"
  elif [[ ${#words[@]} -eq 1 ]] && grep -q -- "^${words[0]} " <<<"$commands"; then
    _gemelctl_reply "$(grep -- "^${words[0]} " <<<"$commands" | cut -d ' ' -f 2)"
  elif [[ -n $command ]]; then
    _gemelctl_argument "$command" "$rest"
  fi
}

complete -F _gemelctl gemelctl
