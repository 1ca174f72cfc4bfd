/* arus completion: what a shell needs to complete verbs and flags: it asks the program's own help.
 */
#include "app/verb.h"
#include "base/str.h"

#include <stdio.h>

static const char usage[] = "usage: arus completion bash|zsh\n"
                            "\n"
                            "Prints what makes the shell complete verbs, flags and files:\n"
                            "  bash: source <(arus completion bash)        in ~/.bashrc, or\n"
                            "        arus completion bash >/etc/bash_completion.d/arus\n"
                            "  zsh:  source <(arus completion zsh)         in ~/.zshrc\n";

/* The first word is the program or a link to it; a link's name is its verb. */
static const char script[] =
    "_arus() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} words= tool\n"
    "    tool=${program##*/}\n"
    "    if [ \"$tool\" != arus ]; then\n"
    "        words=$(\"$program\" --help 2>/dev/null </dev/null | grep -oE -e '--[a-z][a-z0-9.-]*' "
    "| sort "
    "-u)\n"
    "    elif [ \"$COMP_CWORD\" = 1 ]; then\n"
    "        words=$(\"$program\" help 2>/dev/null | awk '{ print $2 }')\n"
    "    else\n"
    "        words=$(\"$program\" \"${COMP_WORDS[1]}\" --help 2>&1 </dev/null | grep -oE -e "
    "'--[a-z][a-z0-9.-]*' | sort -u)\n"
    "    fi\n"
    "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
    "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
    "}\n";

int verb_completion(int argc, char **argv)
{
    str_t shell = argc == 2 ? str_of(argv[1]) : STR("");
    bool zsh = str_eq(shell, STR("zsh"));
    if (!zsh && !str_eq(shell, STR("bash"))) {
        bool asked = str_eq(shell, STR("--help"));
        fputs(usage, asked ? stdout : stderr);
        return asked ? 0 : 2;
    }
    if (zsh)
        puts("autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit");
    fputs(script, stdout);
    fputs("complete -o filenames -F _arus arus", stdout);
    for (size_t i = 0; links_name(i); i++)
        printf(" %s %s.sh", links_name(i), links_name(i));
    puts("");
    return 0;
}
