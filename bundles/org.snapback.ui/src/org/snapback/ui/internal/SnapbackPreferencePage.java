// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import org.eclipse.core.runtime.preferences.InstanceScope;
import org.eclipse.jface.preference.BooleanFieldEditor;
import org.eclipse.jface.preference.DirectoryFieldEditor;
import org.eclipse.jface.preference.FieldEditorPreferencePage;
import org.eclipse.jface.preference.IntegerFieldEditor;
import org.eclipse.jface.preference.StringFieldEditor;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.ui.IWorkbench;
import org.eclipse.ui.IWorkbenchPreferencePage;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.preferences.ScopedPreferenceStore;
import org.snapback.debug.DebugPreferences;

/** The defaults of new sessions. */
public final class SnapbackPreferencePage extends FieldEditorPreferencePage implements IWorkbenchPreferencePage {

    public SnapbackPreferencePage() {
        super(GRID);
        setPreferenceStore(new ScopedPreferenceStore(InstanceScope.INSTANCE, DebugPreferences.NODE));
        setDescription(Messages.preferencesDescription);
    }

    @Override
    public void init(IWorkbench workbench) {
        // needs nothing of it
    }

    @Override
    public void createControl(Composite parent) {
        super.createControl(parent);
        PlatformUI.getWorkbench().getHelpSystem().setHelp(getControl(), "org.snapback.ui.preferences");
    }

    @Override
    protected void createFieldEditors() {
        Composite parent = getFieldEditorParent();
        StringFieldEditor gdb = new StringFieldEditor(DebugPreferences.GDB, Messages.preferencesGdb, parent);
        gdb.setEmptyStringAllowed(false);
        gdb.setErrorMessage(Messages.preferencesGdbMissing);
        addField(gdb);
        addField(new BooleanFieldEditor(DebugPreferences.AUTO, Messages.preferencesAuto, parent));
        IntegerFieldEditor cap = new IntegerFieldEditor(DebugPreferences.AUTO_CAP, Messages.preferencesAutoCap, parent);
        cap.setValidRange(1, DebugPreferences.AUTO_CAP_MAX);
        cap.setErrorMessage(Messages.bind(Messages.capInvalid, DebugPreferences.AUTO_CAP_MAX));
        addField(cap);
        DirectoryFieldEditor images =
                new DirectoryFieldEditor(DebugPreferences.IMAGE_FOLDER, Messages.preferencesImageFolder, parent);
        images.setEmptyStringAllowed(true);
        addField(images);
    }
}
