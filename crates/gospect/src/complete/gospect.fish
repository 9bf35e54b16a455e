# Completions of gospect for fish. To have them now, and in every new shell of yours:
#   gospect completions fish | source
#   gospect completions fish >~/.config/fish/completions/gospect.fish
function __gospect_complete
    set -l words (commandline -opc)
    set -l found ($words[1] completions fish -- $words[2..-1] (commandline -ct | string unescape) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c gospect -f -a '(__gospect_complete)'
