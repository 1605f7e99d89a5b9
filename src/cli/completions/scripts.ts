/** The shells with what is typed to have them complete. The scripts ask the program itself, so they never grow old. */
export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const

export type Shell = (typeof SHELLS)[number]

export const scriptOf = (shell: Shell): string =>
  SCRIPTS[shell].replace(
    LOADING,
    () => `To load them in every shell that begins from now on:\n#   ${installationOf(shell)}`,
  )

export const installationOf = (shell: Shell): string => INSTALLATIONS[shell]

/** Stands in a script where it says how it is loaded. */
const LOADING = '<loading>'

const INSTALLATIONS: Readonly<Record<Shell, string>> = {
  bash: `echo 'eval "$(openwork completions bash)"' >> ~/.bashrc`, // bash 3.2 can source no <( )
  zsh: `echo 'eval "$(openwork completions zsh)"' >> ~/.zshrc   # below compinit`,
  fish: 'mkdir -p ~/.config/fish/completions && openwork completions fish > ~/.config/fish/completions/openwork.fish',
  powershell: "Add-Content $PROFILE 'openwork completions powershell | Out-String | Invoke-Expression'",
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: String.raw`# Completions of openwork for bash, 3.2 and later. ${LOADING}
_openwork() {
  local line current="${'$'}{COMP_WORDS[COMP_CWORD]}" program="${'$'}{COMP_WORDS[0]}"
  local typed="$current"
  COMPREPLY=()
  [[ $current == = ]] && current=
  while IFS= read -r line; do
    case "$line" in
      :files|:folders)
        compopt -o filenames 2>/dev/null
        local kind=-f
        [[ $line == :folders ]] && kind=-d
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$kind" -- "$current")
        ;;
      *) COMPREPLY+=("${'$'}{line%%$'\t'*}") ;;
    esac
  done < <("${'$'}{program/#\~/$HOME}" complete "--current=$typed" -- "${'$'}{COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null </dev/null)
}
complete -F _openwork openwork
`,
  zsh: String.raw`#compdef openwork
# Completions of openwork for zsh. ${LOADING}
_openwork() {
  local line
  local -a described
  for line in "${'$'}{(@f)$(${'$'}{~words[1]} complete "--current=$PREFIX" -- "${'$'}{(@)words[2,CURRENT-1]}" 2>/dev/null </dev/null)}"; do
    case $line in
      '') ;;
      :files) _files ;;
      :folders) _files -/ ;;
      *) described+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}") ;;
    esac
  done
  (( $#described )) && _describe openwork described
}
if [[ $funcstack[1] == _openwork ]]; then _openwork "$@"; else compdef _openwork openwork; fi
`,
  fish: String.raw`# Completions of openwork for fish. ${LOADING}
function __openwork_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    for line in (command $program complete "--current=$current" -- $words 2>/dev/null </dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$current"
            case ':folders'
                __fish_complete_directories "$current" ''
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c openwork -f -a '(__openwork_complete)'
`,
  powershell: `# Completions of openwork for PowerShell. ${LOADING}
Register-ArgumentCompleter -Native -CommandName openwork -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    $before = @($words | Select-Object -Skip 1)
    & $commandAst.CommandElements[0].ToString() complete "--current=$wordToComplete" '--' @before 2>$null | ForEach-Object {
        $line = $_
        if ($line -eq ':files' -or $line -eq ':folders') {
            Get-ChildItem -Path "$wordToComplete*" -ErrorAction SilentlyContinue |
                Where-Object { $_.PSIsContainer -or $line -ne ':folders' } |
                ForEach-Object { [System.Management.Automation.CompletionResult]::new($_.Name) }
        } else {
            $word, $summary = $line -split "\`t", 2
            if (-not $summary) { $summary = $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $summary)
        }
    }
}
`,
}
