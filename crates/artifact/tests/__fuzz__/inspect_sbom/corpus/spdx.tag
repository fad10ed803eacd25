SPDXVersion: SPDX-2.2
PackageName: a
PackageVersion: 1
LicenseComment: <text>x
y</text>
ExternalRef: PACKAGE-MANAGER purl pkg:deb/a@1
FileName: b
