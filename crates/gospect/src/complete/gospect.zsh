#compdef gospect
# Completions of gospect for zsh. To have them now, and in every new shell of yours:
#   source <(gospect completions zsh)
#   gospect completions zsh >"${fpath[1]}/_gospect"
_gospect() {
    local line
    local -a whole begun whole_shown begun_shown
    while IFS= read -r line; do
        if [[ ${line%%$'\t'*} == *[.=] ]]; then
            begun+=("${line%%$'\t'*}") begun_shown+=("${line/$'\t'/  -- }")
        else
            whole+=("${line%%$'\t'*}") whole_shown+=("${line/$'\t'/  -- }")
        fi
    done < <("${(Q)words[1]}" completions zsh -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if (( ${#whole} + ${#begun} == 0 )); then
        _files
        return
    fi
    (( ${#whole} )) && compadd -l -d whole_shown -a whole
    (( ${#begun} )) && compadd -S '' -l -d begun_shown -a begun
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _gospect "$@"
else
    compdef _gospect gospect
fi
