# sign.ps1 <executable>…: signs with the certificate in $env:CERTIFICATE (PKCS #12 in base64), on Windows.
$ErrorActionPreference = 'Stop'

$signtool = Get-ChildItem "${env:ProgramFiles(x86)}\Windows Kits\10\bin\*\x64\signtool.exe" |
  Sort-Object FullName | Select-Object -Last 1
if (-not $signtool) { throw 'There is no signtool: the Windows SDK is missing' }

$password = ConvertTo-SecureString $env:CERTIFICATE_PASSWORD -AsPlainText -Force
$pfx = New-TemporaryFile
try {
  [IO.File]::WriteAllBytes($pfx, [Convert]::FromBase64String($env:CERTIFICATE))
  # Into the store, so that the password stands in no command line.
  $certificate = Import-PfxCertificate -FilePath $pfx -CertStoreLocation Cert:\CurrentUser\My -Password $password
  $timestamp = if ($env:TIMESTAMP_URL) { @('/tr', $env:TIMESTAMP_URL, '/td', 'sha256') } else { @() }
  foreach ($executable in $args) {
    & $signtool.FullName sign /fd sha256 /sha1 $certificate.Thumbprint @timestamp /d openwork $executable
    if ($LASTEXITCODE -ne 0) { throw "signtool failed for $executable" }
  }
} finally {
  Remove-Item $pfx
  if ($certificate) { Remove-Item "Cert:\CurrentUser\My\$($certificate.Thumbprint)" }
}
