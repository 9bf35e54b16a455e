# Completions of gospect for bash. To have them now, and in every new shell of yours:
#   source <(gospect completions bash)
#   gospect completions bash >~/.local/share/bash-completion/completions/gospect
_gospect() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("${COMP_WORDS[0]}" completions bash -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -gt 0 && ${COMPREPLY[0]} == *[.=] ]]; then
        compopt -o nospace
    fi
}
complete -o bashdefault -o default -F _gospect gospect
